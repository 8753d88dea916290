import { equalBytes } from '../../core/index.ts'
import type { SuiteName } from '../../crypto/index.ts'
import { noRevocations, parseCertificate, parseChain, validatePath } from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_POLICY_REQUEST_BYTES } from '../limits.ts'
import type { EnrollmentPolicy } from '../policy.ts'
import {
  type ApprovalsAnswer,
  encodePolicyBody,
  encodeRenewal,
  encodeRevocation,
  encodeTokenRequest,
  type RevocationBody,
  readApprovals,
  readPolicyAnswer,
  readRenewalAnswer,
  readTokenAnswer,
  type TokenAnswer,
  type TokenBody,
} from '../wire-member.ts'
import { type CaRequest, type ClientDependencies, policyFor, withConnection } from './connection.ts'
import { refusalOf } from './dates.ts'
import type { MemberOptions } from './member-client.ts'

/** An operator with its certificate and key, and the CA that it instructs. */
export type OperatorOptions = MemberOptions

/**
 * Revokes certificates; the next list has them.
 * @throws ENROLLMENT_NOT_FOUND when there are none such, ENROLLMENT_UNAUTHENTICATED, and as `requestEnrollment`
 */
export async function requestRevocation(
  options: OperatorOptions & RevocationBody,
  dependencies: ClientDependencies,
): Promise<void> {
  await ask(options, { method: 'POST', path: '/v1/revoke', body: encodeRevocation(options) }, dependencies)
}

/**
 * Makes a token.
 * @throws ENROLLMENT_UNAUTHENTICATED, and as `requestEnrollment`
 */
export async function requestToken(
  options: OperatorOptions & { token: TokenBody },
  dependencies: ClientDependencies,
): Promise<TokenAnswer> {
  const body = encodeTokenRequest(options.token)
  return readTokenAnswer(await ask(options, { method: 'POST', path: '/v1/token', body }, dependencies))
}

/**
 * The policy of the mesh.
 * @throws ENROLLMENT_UNAUTHENTICATED, and as `requestEnrollment`
 */
export async function getPolicy(options: OperatorOptions, dependencies: ClientDependencies): Promise<EnrollmentPolicy> {
  const request = { method: 'GET', path: '/v1/policy', maxBytes: MAX_POLICY_REQUEST_BYTES } as const
  return readPolicyAnswer(await ask(options, request, dependencies))
}

/**
 * Puts another policy in the place of the present one.
 * @throws ENROLLMENT_UNAUTHENTICATED, and as `requestEnrollment`
 */
export async function setPolicy(
  options: OperatorOptions & { policy: EnrollmentPolicy },
  dependencies: ClientDependencies,
): Promise<void> {
  const body = JSON.stringify(encodePolicyBody(options.policy))
  await ask(options, { method: 'PUT', path: '/v1/policy', body }, dependencies)
}

/**
 * Approves that the root of the mesh is changed.
 * @throws ENROLLMENT_UNAUTHENTICATED, and as `requestEnrollment`
 */
export async function approveRootChange(
  options: OperatorOptions,
  dependencies: ClientDependencies,
): Promise<ApprovalsAnswer> {
  return readApprovals(await ask(options, { method: 'POST', path: '/v1/root-change', body: '{}' }, dependencies))
}

/**
 * Asks for an operator's next certificate, proving itself by the present one.
 * @param options makeCsr: gives the request, as `buildMemberCsr` makes it, over the next identity key
 * @returns the chain in DER, leaf first, root last
 * @throws ENROLLMENT_ANSWER_WRONG, ENROLLMENT_UNAUTHENTICATED, and as `requestEnrollment`
 */
export async function requestOperatorRotation(
  options: OperatorOptions & { makeCsr: (suite: SuiteName) => Promise<{ csr: Uint8Array; spki: Uint8Array }> },
  dependencies: ClientDependencies,
): Promise<{ chain: readonly Uint8Array[]; notAfterMs: number }> {
  const [present] = parseChain(options.chain)
  if (present === undefined) throw new TypeError('the chain is empty')
  const { provider, clock } = dependencies
  return withConnection({ address: options, credentials: options }, dependencies, async ({ server, send }) => {
    const { csr, spki } = await options.makeCsr(server.leaf.signatureSuite)
    const body = encodeRenewal({ csr, currentSerialNumber: present.serialNumber })
    const answered = await send({ method: 'POST', path: '/v1/operator/rotate', body })
    const root = server.chain.at(-1) ?? present
    const chain = [...readRenewalAnswer(Buffer.from(answered.body).toString()).chain, root.der]
    const policy = policyFor(options, 'operator')
    try {
      const judged = { chain: parseChain(chain), policy, atMs: clock.now(), revocations: noRevocations() }
      const path = await validatePath(judged, { provider })
      if (!equalBytes(path.leaf.spki, spki)) throw new RangeError('another key')
    } catch (cause) {
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_ANSWER_WRONG', refusalOf(cause))
    }
    return { chain, notAfterMs: parseCertificate(chain[0] ?? new Uint8Array()).notAfterMs }
  })
}

function ask(options: OperatorOptions, request: CaRequest, dependencies: ClientDependencies): Promise<string> {
  return withConnection({ address: options, credentials: options }, dependencies, async ({ send }) => {
    const { body } = await send(request)
    return Buffer.from(body).toString()
  })
}
