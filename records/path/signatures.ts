import { toHex } from '../../core/index.ts'
import type { PublicKey, SignatureProvider, SuiteName } from '../../crypto/index.ts'
import { encodeSpki } from './algorithms.ts'
import { PATH_ERRORS } from './errors.ts'
import { signedKeyMessage } from './extensions.ts'
import { MAX_CACHED_PATHS } from './limits.ts'
import { issuerOf, type Path } from './rules.ts'
import type { Certificate } from './types.ts'

/** Keys of a leaf whose path has sound signatures. */
export interface LeafKeys {
  readonly identityKey: PublicKey
  readonly deviceKey: PublicKey
}

/**
 * Remembers paths whose signatures held, so that only the rules that depend on time are judged again. Keyed by the
 * fingerprints of the whole path, which cover every byte of it; the least recently used goes first.
 */
export class PathCache {
  readonly #maxPaths: number
  readonly #paths = new Map<string, LeafKeys>()
  /** Upper ends of paths, from an authority to the root: every node of a mesh shares them. */
  readonly #authorities = new Set<string>()

  /** @param maxPaths most paths remembered; default {@link MAX_CACHED_PATHS} */
  constructor(maxPaths: number = MAX_CACHED_PATHS) {
    this.#maxPaths = maxPaths
  }

  /** Paths remembered now. */
  get size(): number {
    return this.#paths.size
  }

  get(key: string): LeafKeys | undefined {
    const keys = this.#paths.get(key)
    if (keys !== undefined) this.#touch(key, keys)
    return keys
  }

  set(key: string, keys: LeafKeys): void {
    this.#touch(key, keys)
    const oldest = this.#paths.keys().next().value
    if (this.#paths.size > this.#maxPaths && oldest !== undefined) this.#paths.delete(oldest)
  }

  /** True when the signatures from this authority up to the root held. */
  hasAuthority(key: string): boolean {
    return this.#authorities.has(key)
  }

  addAuthority(key: string): void {
    this.#authorities.add(key)
    const oldest = this.#authorities.values().next().value
    if (this.#authorities.size > this.#maxPaths && oldest !== undefined) this.#authorities.delete(oldest)
  }

  #touch(key: string, keys: LeafKeys): void {
    this.#paths.delete(key)
    this.#paths.set(key, keys)
  }
}

/**
 * Verifies every signature of `path`, the leaf's overlay key included, and imports the leaf's keys. The alternative
 * signature is verified where there is one. A root that the caller holds itself is an anchor (RFC 5280 §6.1): it was
 * judged when it was taken in, and what it says of itself is covered by the fingerprint.
 * @throws RECORDS_PATH_SIGNATURE, RECORDS_PATH_ALTERNATIVE_SIGNATURE, RECORDS_PATH_OVERLAY_KEY, RECORDS_CERT_KEY
 */
export async function verifySignatures(
  path: Path,
  dependencies: { provider: SignatureProvider; cache?: PathCache | undefined },
): Promise<LeafKeys> {
  const { provider, cache } = dependencies
  const key = keyFrom(path, 0)
  const known = cache?.get(key)
  if (known !== undefined) return known
  const keys = {
    identityKey: importKey(provider, path.leaf.spki),
    deviceKey: importKey(provider, path.leaf.altSpki),
  }
  await verifyOverlayKey(path.leaf, provider)
  // From the root down: a key is believed only once the certificate that names it is.
  for (let at = path.chain.length - (path.rootHeld ? 2 : 1); at > 0; at -= 1) {
    const authority = keyFrom(path, at)
    if (cache?.hasAuthority(authority)) continue
    await verifyIssued(path.chain[at] ?? path.root, issuerOf(path, at), provider)
    cache?.addAuthority(authority)
  }
  await verifyIssued(path.leaf, issuerOf(path, 0), provider)
  cache?.set(key, keys)
  return keys
}

/** The fingerprints of a path from one of its certificates up to the root. */
function keyFrom(path: Path, at: number): string {
  return path.chain
    .slice(at)
    .map((certificate) => toHex(certificate.fingerprint))
    .join(':')
}

/** What a CA signs with both its keys: a certificate or a revocation list. */
export type Issued = Pick<
  Certificate,
  'signatureSuite' | 'signature' | 'tbs' | 'altSignatureSuite' | 'altSignature' | 'altTbs'
>

/**
 * Verifies the signatures of `issuer` over `issued`: the main one, and the alternative one where there is one. Which
 * halves must be there is judged before, by policy; one that is there must hold.
 * @throws RECORDS_PATH_SIGNATURE, RECORDS_PATH_ALTERNATIVE_SIGNATURE, RECORDS_CERT_KEY
 */
export async function verifyIssued(
  issued: Issued,
  issuer: Pick<Certificate, 'spki' | 'altSpki'>,
  provider: SignatureProvider,
): Promise<void> {
  const { altSignatureSuite, altSignature, altTbs } = issued
  const main = { suite: issued.signatureSuite, message: issued.tbs, signature: issued.signature }
  if (!(await signedBy(issuer.spki, main, provider))) throw PATH_ERRORS.create('RECORDS_PATH_SIGNATURE')
  if (altSignatureSuite === undefined || altSignature === undefined || altTbs === undefined) return
  const alternative = { suite: altSignatureSuite, message: altTbs, signature: altSignature }
  if (!(await signedBy(issuer.altSpki, alternative, provider))) {
    throw PATH_ERRORS.create('RECORDS_PATH_ALTERNATIVE_SIGNATURE')
  }
}

async function signedBy(
  spki: Uint8Array | undefined,
  signed: { suite: SuiteName; message: Uint8Array; signature: Uint8Array },
  provider: SignatureProvider,
): Promise<boolean> {
  const key = importKey(provider, spki)
  return key.suite.name === signed.suite && provider.verify(key, signed.message, signed.signature)
}

async function verifyOverlayKey(leaf: Certificate, provider: SignatureProvider): Promise<void> {
  const { overlayKey } = leaf
  if (overlayKey === undefined) return
  const holds = await overlayKeyHolds({ spki: leaf.spki, overlayKey }, provider)
  if (!holds) throw PATH_ERRORS.create('RECORDS_PATH_OVERLAY_KEY')
}

/** True when the overlay key has signed the subject key (libp2p TLS specification, SignedKey). */
export function overlayKeyHolds(
  claim: { spki: Uint8Array; overlayKey: NonNullable<Certificate['overlayKey']> },
  provider: SignatureProvider,
): Promise<boolean> {
  const key = importKey(provider, encodeSpki('ed25519', claim.overlayKey.publicKey.subarray(4)))
  return provider.verify(key, signedKeyMessage(claim.spki), claim.overlayKey.signature)
}

function importKey(provider: SignatureProvider, spki: Uint8Array | undefined): PublicKey {
  try {
    return provider.importPublic(spki ?? new Uint8Array())
  } catch (cause) {
    throw PATH_ERRORS.create('RECORDS_CERT_KEY', { cause })
  }
}
