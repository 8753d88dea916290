import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, toHex } from '../../core/index.ts'
import type { Certificate } from '../../records/path/index.ts'
import type { Actor } from '../audit.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import type { RateLimiter } from '../rate-limiter.ts'
import type { MeshCa } from '../store/index.ts'
import { decodeToken, tokenId } from '../token.ts'
import { encodeAnswer, encodePseudonym, readBody, readRequest } from '../wire.ts'
import {
  encodeApprovals,
  encodePolicyBody,
  encodeRenewalAnswer,
  encodeTokenAnswer,
  type RenewalAnswer,
  readPolicyBody,
  readRenewal,
  readRevocation,
  readTokenRequest,
} from '../wire-member.ts'
import { ListAnswers } from './list-answer.ts'
import { openApi } from './openapi.ts'
import type { Operation } from './routes.ts'

/** One request, once its caller is known as its route asks. */
export interface Call {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** The chain of the TLS connection on routes for nodes and operators; empty elsewhere. */
  readonly presented: readonly Certificate[]
  /** Who asks; on routes that renew certificates the CA finds out itself. */
  readonly actor: Actor
}

/** What each route does with a call; what it gives is the body of the answer, unless it has sent one. */
export type Operations = Readonly<Record<Operation, (call: Call) => Promise<unknown>>>

export interface OperationDependencies {
  readonly ca: MeshCa
  readonly clock: Clock
  /** Redemptions of one token, by its id. */
  readonly tokens: RateLimiter
  /** Where this CA's revocation lists are fetched. */
  readonly crlUrl: () => string
}

/** The operations of a CA's API. */
export function operationsOf({ ca, clock, tokens, crlUrl }: OperationDependencies): Operations {
  const lists = new ListAnswers(ca, { clock })
  return {
    enroll: async ({ request }) => {
      const asked = readRequest(request.body)
      const allowed = tokens.take(toHex(tokenId(decodeToken(asked.token))))
      if (!allowed) throw ENROLLMENT_ERRORS.create('ENROLLMENT_BUSY')
      return encodeAnswer(await ca.enroll(asked, { crlUrl: crlUrl() }))
    },
    answerChallenge: async ({ request }) => {
      readBody('ChallengeAnswer', request.body)
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_NOT_FOUND')
    },
    rotate: async ({ request, presented }) => answerOf(await ca.rotate(readRenewal(request.body), presented)),
    rotateOperator: async ({ request, presented }) =>
      answerOf(await ca.renewOperator(readRenewal(request.body), presented)),
    fetchList: ({ request, reply }) => lists.send('full', request, reply),
    fetchDelta: ({ request, reply }) => lists.send('delta', request, reply),
    revoke: async ({ request, actor }) => {
      const { target, reason, invalidityMs } = readRevocation(request.body)
      await ca.revoke(target, { reason, invalidityMs }, actor)
    },
    fetchPseudonym: async () => encodePseudonym(await ca.pseudonym()),
    createToken: async ({ request, actor }) =>
      encodeTokenAnswer(await ca.createToken(readTokenRequest(request.body), actor)),
    getPolicy: async () => encodePolicyBody(await ca.policy()),
    setPolicy: async ({ request, actor }) => {
      await ca.setPolicy(readPolicyBody(request.body), actor)
    },
    approveRootChange: async ({ request, actor }) => {
      readBody('Nothing', request.body)
      return encodeApprovals(await ca.approveRootChange(actor))
    },
    describe: async () => openApi(),
  }
}

function answerOf(renewal: RenewalAnswer) {
  // The root is what the member knows its mesh by.
  return encodeRenewalAnswer({ ...renewal, chain: renewal.chain.slice(0, -1) })
}
