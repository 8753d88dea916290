import { equalBytes, type RandomSource } from '../../core/index.ts'
import type { SignatureProvider, SigningKey } from '../../crypto/index.ts'
import type { NodeKeys } from '../../records/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { NONCE_BYTES } from './admission.ts'
import type { FrameChannel } from './frame-channel.ts'
import {
  decodeStatement,
  type LinkRole,
  type SignedStatement,
  type Statement,
  signStatement,
  statementHolds,
} from './statement.ts'

/** What one side brings to the exchange. */
export interface ExchangeInput {
  readonly role: LinkRole
  /** What both sides must say alike; the nonces come from the exchange. */
  readonly common: Pick<
    Statement,
    'protocol' | 'mesh' | 'diallerCertificate' | 'listenerCertificate' | 'channelBinding'
  >
  /** What this side says about itself. */
  readonly own: PeerTerms
  /** The external_aad of the mesh. */
  readonly aadItem: Uint8Array
  /** Keys this side signs with: identity key, then device key. */
  readonly signingKeys: readonly SigningKey[]
  /** Keys of the peer's certificate, which must both sign. */
  readonly peerKeys: NodeKeys
}

/** What a side says about itself in its statement. */
export type PeerTerms = Pick<Statement, 'policyVersion' | 'features'>

/** One admission: nonces, then signed statements, dialler first, so that a listener answers only who has proven itself. */
export class AdmissionExchange {
  readonly #channel: FrameChannel
  readonly #provider: SignatureProvider
  readonly #random: RandomSource

  constructor(dependencies: { channel: FrameChannel; provider: SignatureProvider; random: RandomSource }) {
    this.#channel = dependencies.channel
    this.#provider = dependencies.provider
    this.#random = dependencies.random
  }

  /**
   * Runs the exchange to its end.
   * @returns what the peer said about itself, proven
   * @throws OVERLAY_LINK_*
   */
  async run(input: ExchangeInput): Promise<PeerTerms> {
    const statement: Statement = {
      ...input.common,
      ...(await this.#exchangeNonces(input.role)),
      ...input.own,
      role: input.role,
    }
    const { signingKeys: keys, aadItem } = input
    const signing = signStatement(statement, { keys, aadItem })
    if (input.role === 'dialler') {
      this.#channel.send({ type: 'statement', sign: await signing })
      const terms = await this.#checkStatement(statement, input)
      this.#channel.send({ type: 'admitted' })
      return terms
    }
    // Signs while the dialler does; what is awaited first says what went wrong first.
    signing.catch(() => undefined)
    const terms = await this.#checkStatement(statement, input)
    this.#channel.send({ type: 'statement', sign: await signing })
    await this.#channel.expect('admitted')
    return terms
  }

  async #exchangeNonces(role: LinkRole): Promise<Pick<Statement, 'diallerNonce' | 'listenerNonce'>> {
    const nonce = this.#random.bytes(NONCE_BYTES)
    this.#channel.send({ type: 'hello', nonce })
    const { nonce: other } = await this.#channel.expect('hello')
    if (equalBytes(nonce, other)) throw OVERLAY_ERRORS.create('OVERLAY_LINK_NONCE')
    return role === 'dialler'
      ? { diallerNonce: nonce, listenerNonce: other }
      : { diallerNonce: other, listenerNonce: nonce }
  }

  async #checkStatement(own: Statement, input: ExchangeInput): Promise<PeerTerms> {
    const signed = decodeStatement((await this.#channel.expect('statement')).sign)
    checkFields(signed, { ...own, role: own.role === 'dialler' ? 'listener' : 'dialler' })
    const { aadItem, peerKeys: keys } = input
    if (!(await statementHolds(signed, { keys, aadItem, provider: this.#provider }))) {
      throw OVERLAY_ERRORS.create('OVERLAY_LINK_SIGNATURE')
    }
    return { policyVersion: signed.statement.policyVersion, features: signed.statement.features }
  }
}

/** @throws the code of the first field that is not as this side sees the connection */
function checkFields({ statement }: SignedStatement, due: Statement): void {
  const same = (field: keyof Statement) => equalBytes(statement[field] as Uint8Array, due[field] as Uint8Array)
  if (statement.protocol !== due.protocol) throw OVERLAY_ERRORS.create('OVERLAY_LINK_PROTOCOL')
  if (statement.role !== due.role) throw OVERLAY_ERRORS.create('OVERLAY_LINK_ROLE')
  if (statement.mesh !== due.mesh) throw OVERLAY_ERRORS.create('OVERLAY_LINK_MESH')
  if (!same('diallerCertificate') || !same('listenerCertificate')) {
    throw OVERLAY_ERRORS.create('OVERLAY_LINK_CERTIFICATE')
  }
  if (!same('diallerNonce') || !same('listenerNonce')) throw OVERLAY_ERRORS.create('OVERLAY_LINK_NONCE')
  if (!same('channelBinding')) throw OVERLAY_ERRORS.create('OVERLAY_LINK_BINDING')
}
