import type { SigningKey } from '../../crypto/index.ts'
import {
  contextTag,
  der,
  derBitString,
  derSequence,
  derTime,
  derUnsigned,
  signatureAlgorithm,
  signatureToX509,
} from '../../records/path/index.ts'
import type { AuthorityKeys } from '../certificate-writer.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { altSignatureAlgorithm, altSignatureValue, type Extension, encodeExtension } from '../extensions.ts'
import { MAX_CRL_BYTES, MAX_CRL_ENTRIES, MAX_CRL_NUMBER_BYTES } from '../limits.ts'
import { type RevokedEntries, wholeSecond } from './entries.ts'
import { writeEntries } from './entry-writer.ts'
import { listExtensions } from './extensions.ts'
import { REASON_CODES } from './reasons.ts'
import type { ListFacts } from './types.ts'

/** What is written into a list; fractions of a second are cut, the alternative signature's extensions are added. */
export interface CrlContent extends Pick<ListFacts, 'authorityKeyId' | 'number' | 'thisUpdateMs' | 'nextUpdateMs'> {
  /** DER of the Name. */
  readonly issuerName: Uint8Array
  /** Makes the list a delta. */
  readonly baseNumber?: bigint | undefined
  readonly entries: RevokedEntries
  readonly pseudonym?: ListFacts['pseudonym']
}

/** Everything of a list besides entries: names, extensions, signatures. */
const MAX_FRAME_BYTES = 16 * 1024

/**
 * DER of a list signed by both keys of its CA, in time linear in its length; the frame is drawn in parse.ts.
 * @throws ENROLLMENT_CRL_TOO_LARGE
 * @throws {TypeError} for what {@link parseCrl} would refuse for another reason
 */
export async function writeCrl(content: CrlContent, issuer: AuthorityKeys): Promise<Uint8Array> {
  checkContent(content)
  if (content.entries.size > MAX_CRL_ENTRIES) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_TOO_LARGE')
  const entries = writeEntries(content.entries)
  if (entries.length > MAX_CRL_BYTES - MAX_FRAME_BYTES) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_TOO_LARGE')
  const { suite } = issuer.main.publicKey
  const algorithm = signatureAlgorithm(suite.name)
  const encode = (extensions: readonly Extension[], signature: readonly Uint8Array[]) =>
    encodeTbs({ content, entries, extensions, signature })
  const extensions = await withAlternativeSignature(listExtensions(content), issuer.alternative, encode)
  const tbs = encode(extensions, [algorithm])
  const signature = signatureToX509(suite.name, await issuer.main.sign(tbs))
  return derSequence(tbs, algorithm, derBitString(signature))
}

function checkContent(content: CrlContent): void {
  const { number, baseNumber, entries } = content
  const highest = 1n << BigInt(MAX_CRL_NUMBER_BYTES * 8 - 1)
  const sound =
    number >= 0n && number < highest && (baseNumber === undefined || (baseNumber >= 0n && baseNumber < number))
  if (!sound) throw new TypeError('a CRL number is below 2^159, and above the base of its delta')
  if (wholeSecond(content.nextUpdateMs) <= wholeSecond(content.thisUpdateMs)) {
    throw new TypeError('nextUpdate is later than thisUpdate')
  }
  if (content.authorityKeyId.length !== 32) throw new TypeError('an authority key id has 32 bytes')
  for (let row = 0; baseNumber === undefined && row < entries.size; row += 1) {
    if (entries.reasonAt(row) === REASON_CODES.removeFromCRL) throw new TypeError('only a delta takes anything away')
  }
}

async function withAlternativeSignature(
  extensions: readonly Extension[],
  key: SigningKey | undefined,
  encode: (extensions: readonly Extension[], signature: readonly Uint8Array[]) => Uint8Array,
): Promise<readonly Extension[]> {
  if (key === undefined) return extensions
  const suite = key.publicKey.suite.name
  const covered = [...extensions, altSignatureAlgorithm(suite)]
  const signature = await key.sign(encode(covered, []))
  return [...covered, altSignatureValue(signatureToX509(suite, signature))]
}

interface Tbs {
  readonly content: CrlContent
  /** Content of revokedCertificates. */
  readonly entries: Uint8Array
  readonly extensions: readonly Extension[]
  /** The `signature` field, or nothing where the alternative signature leaves it out. */
  readonly signature: readonly Uint8Array[]
}

function encodeTbs({ content, entries, extensions, signature }: Tbs): Uint8Array {
  return derSequence(
    derUnsigned(Uint8Array.of(1)),
    ...signature,
    content.issuerName,
    derTime(content.thisUpdateMs),
    derTime(content.nextUpdateMs),
    ...(entries.length === 0 ? [] : [derSequence(entries)]),
    der(contextTag(0, 'constructed'), derSequence(...extensions.map(encodeExtension))),
  )
}
