import type { HalfState, HalfStates, SignatureHalf } from './policy.ts'
import type { PublicKey, SignatureProvider, SigningKey } from './types.ts'

/** What both halves sign: one message, or one per half where the frame names the half's key (COSE_Sign does). */
export type HybridMessage = Uint8Array | ((key: PublicKey) => Uint8Array)

/** The keys to sign with; a half that the policy does not require is left out. */
export type HybridSigningKeys = { readonly [Half in SignatureHalf]?: SigningKey }

/** One signature of a hybrid one, with the public key that it is said to be of. */
export interface SignatureClaim {
  readonly key: PublicKey
  readonly signature: Uint8Array
}

/** The signatures that were found; an absent half is left out. */
export type SignatureClaims = { readonly [Half in SignatureHalf]?: SignatureClaim }

/**
 * Signs with every given key at the same time.
 * @returns signatures under the same names as `keys`
 * @throws {TypeError} when a key is given for the other half
 */
export async function signHybrid<Keys extends HybridSigningKeys>(
  keys: Keys,
  message: HybridMessage,
): Promise<{ [Half in keyof Keys]: Uint8Array }> {
  const halves = Object.entries(keys) as [SignatureHalf, SigningKey][]
  for (const [half, key] of halves) checkHalf(half, key.publicKey)
  const signatures = await Promise.all(halves.map(([, key]) => key.sign(messageFor(message, key.publicKey))))
  return Object.fromEntries(halves.map(([half], at) => [half, signatures[at]])) as { [Half in keyof Keys]: Uint8Array }
}

/**
 * Verifies every given signature at the same time and waits for all: the answer tells of both halves also when the
 * first one is invalid, and takes the same path. What the states mean is the policy's business.
 * @throws {TypeError} when a key is given for the other half
 */
export async function verifyHybrid(
  provider: SignatureProvider,
  { claims, message }: { claims: SignatureClaims; message: HybridMessage },
): Promise<HalfStates> {
  const verifyHalf = async (half: SignatureHalf): Promise<HalfState> => {
    const claim = claims[half]
    if (claim === undefined) return 'absent'
    checkHalf(half, claim.key)
    const valid = await provider.verify(claim.key, messageFor(message, claim.key), claim.signature)
    return valid ? 'valid' : 'invalid'
  }
  const [classical, postQuantum] = await Promise.all([verifyHalf('classical'), verifyHalf('post-quantum')])
  return { classical, 'post-quantum': postQuantum }
}

function messageFor(message: HybridMessage, key: PublicKey): Uint8Array {
  return typeof message === 'function' ? message(key) : message
}

function checkHalf(half: SignatureHalf, key: PublicKey): void {
  if (key.suite.half !== half) throw new TypeError(`a key of ${key.suite.name} given as the ${half} half`)
}
