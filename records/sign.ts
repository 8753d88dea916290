import { checkOptionKeys } from '../core/index.ts'
import { requiredHalves, type SignaturePolicy, type SigningKey } from '../crypto/index.ts'
import { checkBody, RECORD_BODIES, type RecordBodies } from './bodies.ts'
import { externalAad, signItems, writeCoseSign } from './cose.ts'
import { itemsOf, openRecord } from './record.ts'
import type { CheckedRecord, RecordContent, RecordSignature, RecordSigner } from './types.ts'

export interface SignOptions {
  /** The mesh's policy at the creation time: which halves sign. */
  readonly policy: SignaturePolicy
  /** Body codecs. Default {@link RECORD_BODIES}. */
  readonly bodies?: RecordBodies
}

/**
 * Signs a record with the halves that `policy` asks for. The content is checked before a key is used: what comes out
 * decodes, and so does its body.
 * @throws RECORDS_TOO_LARGE, RECORDS_MALFORMED, RECORDS_LIFETIME, RECORDS_TYPE_UNKNOWN, RECORDS_BODY_MALFORMED, and
 * whatever the keys throw
 */
export async function signRecord(
  content: RecordContent,
  signer: RecordSigner,
  options: SignOptions,
): Promise<CheckedRecord> {
  checkOptionKeys('signRecord', options, ['policy', 'bodies'])
  const items = itemsOf(content)
  const keys = signingKeys(signer, options.policy)
  const { record, frame } = openRecord(writeCoseSign(items, keys.map(blankSignature)))
  const checked = checkBody(record, options.bodies ?? RECORD_BODIES)
  const aadItem = externalAad(signer.mesh, signer.rootFingerprint)
  const made = await signItems(items, { keys, aadItem })
  // The blank signatures are views into the record's bytes: each is written into its place.
  for (const [at, { signature }] of made.entries()) frame.signatures[at]?.signature.set(signature)
  return checked
}

/** The keys that sign, classical half first. */
function signingKeys({ deviceKey, identityKey }: RecordSigner, policy: SignaturePolicy): SigningKey[] {
  return requiredHalves(policy).map((half) => (half === 'classical' ? deviceKey : identityKey))
}

/** Holds the place of a signature: its length is known before it is made. */
function blankSignature({ publicKey: { suite, keyId } }: SigningKey): RecordSignature {
  return { coseAlgorithm: suite.coseAlgorithm, keyId, signature: new Uint8Array(suite.signatureBytes) }
}
