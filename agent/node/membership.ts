import type { SoftwareSigningKey } from '../../crypto/index.ts'
import { type Certificate, parseChain } from '../../records/path/index.ts'
import { AGENT_ERRORS } from '../errors.ts'

/** What a node shows and signs with. */
export interface Credentials {
  /** DER, leaf first, root last. */
  readonly chain: readonly Uint8Array[]
  /** The leaf. */
  readonly certificate: Certificate
  /** The root. */
  readonly root: Certificate
  readonly identityKey: SoftwareSigningKey
  /** Name of the identity key in the keystore. */
  readonly keyName: string
}

/**
 * The credentials of a chain and the key of its leaf.
 * @throws AGENT_HOME_BROKEN, RECORDS_CERT_*
 */
export function credentialsOf(
  chain: readonly Uint8Array[],
  key: { readonly name: string; readonly key: SoftwareSigningKey },
): Credentials {
  const certificates = parseChain(chain)
  const [certificate, root] = [certificates[0], certificates.at(-1)]
  if (certificate === undefined || root === undefined) throw AGENT_ERRORS.create('AGENT_HOME_BROKEN')
  return { chain, certificate, root, identityKey: key.key, keyName: key.name }
}

/** The credentials in use: one value, replaced as a whole. Whoever needs them asks for the current ones each time. */
export class Membership {
  readonly #listeners = new Set<(credentials: Credentials) => void>()
  #current: Credentials

  constructor(credentials: Credentials) {
    this.#current = credentials
  }

  get current(): Credentials {
    return this.#current
  }

  /** From here on everything new shows and signs with `credentials`. */
  replace(credentials: Credentials): void {
    this.#current = credentials
    for (const listener of this.#listeners) listener(credentials)
  }

  /** Calls `listener` after every replacement. */
  onReplaced(listener: (credentials: Credentials) => void): void {
    this.#listeners.add(listener)
  }
}
