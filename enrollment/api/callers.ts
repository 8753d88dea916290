import type { TLSSocket } from 'node:tls'
import { type Certificate, PATH_ERRORS, parseChain } from '../../records/path/index.ts'
import type { Actor } from '../audit.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import type { MeshCa } from '../store/index.ts'
import { presentedChain } from './tls.ts'

type Purpose = 'node' | 'operator'

/** Tells who is on the other side of a connection. TLS has proven the key; whose it is, the CA decides, each time anew. */
export class Callers {
  readonly #ca: MeshCa
  /** Read once for each connection. */
  readonly #chains = new WeakMap<TLSSocket, readonly Certificate[]>()

  constructor(ca: MeshCa) {
    this.#ca = ca
  }

  /**
   * The chain that the client has shown, read but not judged.
   * @throws ENROLLMENT_PEER_UNTRUSTED when there is none, or it is malformed or too long
   */
  presented(socket: TLSSocket): readonly Certificate[] {
    const known = this.#chains.get(socket)
    if (known !== undefined) return known
    const shown = presentedChain(socket)
    if (shown.length === 0) throw ENROLLMENT_ERRORS.create('ENROLLMENT_PEER_UNTRUSTED', { detail: 'no certificate' })
    const chain = parsed(shown)
    this.#chains.set(socket, chain)
    return chain
  }

  /**
   * Who asks, by a certificate for `purpose`.
   * @throws ENROLLMENT_PEER_UNTRUSTED, ENROLLMENT_PEER_REVOKED; ENROLLMENT_NOT_ALLOWED when it is a member, but not such a one
   */
  async identify(socket: TLSSocket, purpose: Purpose): Promise<Actor> {
    const chain = this.presented(socket)
    try {
      return (await this.#ca.authenticate(chain, purpose)).actor
    } catch (error) {
      throw await this.explain(error, chain, purpose)
    }
  }

  /** `error`; when it refuses the certificate of a member that is valid, but not for `purpose`, ENROLLMENT_NOT_ALLOWED. */
  async explain(error: unknown, chain: readonly Certificate[], purpose: Purpose): Promise<unknown> {
    if (!ENROLLMENT_ERRORS.matches(error, 'ENROLLMENT_PEER_UNTRUSTED')) return error
    const other = purpose === 'node' ? 'operator' : 'node'
    const member = await this.#ca.authenticate(chain, other).catch(() => undefined)
    return member === undefined ? error : ENROLLMENT_ERRORS.create('ENROLLMENT_NOT_ALLOWED', { cause: error })
  }
}

function parsed(shown: readonly Uint8Array[]): readonly Certificate[] {
  try {
    return parseChain(shown)
  } catch (cause) {
    if (!PATH_ERRORS.matches(cause)) throw cause
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_PEER_UNTRUSTED', { cause, detail: cause.code })
  }
}
