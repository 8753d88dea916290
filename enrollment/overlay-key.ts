import { concatBytes, fromHex } from '../core/index.ts'
import type { PublicKey, SigningKey } from '../crypto/index.ts'
import { type Certificate, signedKeyMessage } from '../records/path/index.ts'

const ED25519_PROTOBUF_PREFIX = '08011220'

/** The protobuf form in which libp2p names an Ed25519 public key: what a PeerId is made of. */
export function overlayPublicKey(key: PublicKey): Uint8Array {
  if (key.suite.name !== 'ed25519') throw new TypeError('an overlay key is an Ed25519 key')
  return concatBytes(fromHex(ED25519_PROTOBUF_PREFIX), key.spki.subarray(-32))
}

/** The libp2p SignedKey that ties an overlay key to the subject key `spki`. */
export async function signOverlayKey(
  overlayKey: SigningKey,
  spki: Uint8Array,
): Promise<NonNullable<Certificate['overlayKey']>> {
  return {
    publicKey: overlayPublicKey(overlayKey.publicKey),
    signature: await overlayKey.sign(signedKeyMessage(spki)),
  }
}
