import { type Clock, isGapmeshError } from '../core/index.ts'
import { requiredHalves, type SignaturePolicy, type SignatureProvider } from '../crypto/index.ts'
import { bodyCodec, checkBody, RECORD_BODIES, type RecordBodies } from './bodies.ts'
import { type CoseFrame, externalAad, signatureHolds } from './cose.ts'
import { RECORDS_ERRORS } from './errors.ts'
import { MAX_CREATION_AHEAD_MS } from './limits.ts'
import { type PathCache, type ValidPath, validatePath } from './path/index.ts'
import { expiryOf, openRecord } from './record.ts'
import type { RecordTrust } from './trust.ts'
import type { DecodedRecord, VerifiedRecord } from './types.ts'

export interface VerifyInput {
  /** The bytes as they came, by whichever road. */
  readonly record: Uint8Array
  readonly trust: RecordTrust
  readonly clock: Clock
}

export interface VerifyDependencies {
  readonly provider: SignatureProvider
  /** Spares verifying the signatures of a certificate path again for every record. */
  readonly paths: PathCache
  /** Body codecs. Default {@link RECORD_BODIES}. */
  readonly bodies?: RecordBodies | undefined
}

/**
 * Decides whether a record counts: the one function that every road calls. Cheapest first, in this order:
 *
 * 1. limits, strict decoding, type known
 * 2. lifetime: not expired, created at most 5 minutes ahead, creation time in step with the sequence
 * 3. not a duplicate (look-up only)
 * 4. body, decoded strictly
 * 5. the origin's certificate is known, a node's or for a directive an operator's; its path is valid at the creation
 *    time; nothing in it is revoked: for key compromise at any time, else from the date of revocation on
 * 6. the policy of the creation time has the halves that it asks for
 * 7. the signatures, the classical one first because it is cheaper to refuse
 *
 * Creation times never decrease with the sequence of one (origin, type). Catch-up delivers old records after new ones,
 * so arrival order means nothing: a record is compared with the one of the highest sequence that is held. Above that
 * sequence it may not be older, below it not newer, and at the same sequence it has the same time.
 *
 * The error's `action` says what the sender deserves. RECORDS_CERTIFICATE_UNKNOWN asks to park the record while the
 * certificate is fetched. See `refusesContent()` before remembering a refused id.
 * @throws RECORDS_TOO_LARGE, RECORDS_MALFORMED, RECORDS_CRITICAL_HEADER, RECORDS_SIGNATURE_SET,
 * RECORDS_ALGORITHM_UNKNOWN, RECORDS_TYPE_UNKNOWN, RECORDS_LIFETIME, RECORDS_EXPIRED, RECORDS_FROM_FUTURE,
 * RECORDS_TIME_ORDER, RECORDS_DUPLICATE, RECORDS_BODY_MALFORMED, RECORDS_CERTIFICATE_UNKNOWN,
 * RECORDS_CERTIFICATE_REFUSED, RECORDS_REVOKED, RECORDS_ORIGIN_MISMATCH, RECORDS_POLICY, RECORDS_SIGNATURE
 */
export async function verify(input: VerifyInput, dependencies: VerifyDependencies): Promise<VerifiedRecord> {
  const { trust, clock } = input
  const bodies = dependencies.bodies ?? RECORD_BODIES
  const { record, frame } = openRecord(input.record)
  bodyCodec(bodies, record.type)
  checkTime(record, clock.now())
  checkOrder(record, trust)
  if (trust.isDuplicate(record.id, record.createdAtMs)) throw RECORDS_ERRORS.create('RECORDS_DUPLICATE')
  const checked = checkBody(record, bodies)
  const policy = trust.policyAt(record.createdAtMs)
  const author = await authorOf(record, policy, { trust, ...dependencies })
  checkPolicy(frame, policy)
  await checkSignatures(frame, author, { trust, provider: dependencies.provider })
  return { ...checked, author }
}

function checkTime(record: DecodedRecord, nowMs: number): void {
  const { createdAtMs } = record
  const expiresAtMs = expiryOf(record)
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) {
    throw RECORDS_ERRORS.create('RECORDS_EXPIRED', { metadata: { expiresAtMs, nowMs } })
  }
  if (createdAtMs > nowMs + MAX_CREATION_AHEAD_MS) {
    throw RECORDS_ERRORS.create('RECORDS_FROM_FUTURE', { metadata: { createdAtMs, nowMs } })
  }
}

function checkOrder({ origin, type, sequence, createdAtMs }: DecodedRecord, trust: RecordTrust): void {
  const head = trust.headOf(origin, type)
  if (head === undefined) return
  const ahead = Math.sign(sequence - head.sequence)
  const later = Math.sign(createdAtMs - head.createdAtMs)
  const inStep = ahead === 0 ? later === 0 : later === 0 || later === ahead
  if (!inStep) throw RECORDS_ERRORS.create('RECORDS_TIME_ORDER', { metadata: { sequence, createdAtMs, head } })
}

async function authorOf(
  record: DecodedRecord,
  signaturePolicy: SignaturePolicy,
  { trust, provider, paths }: { trust: RecordTrust; provider: SignatureProvider; paths: PathCache },
): Promise<ValidPath> {
  const { mesh, rootFingerprint, root, revocations } = trust
  const chain = await trust.chainFor(record.issuerKeyId, record.serialNumber)
  if (chain === undefined) throw RECORDS_ERRORS.create('RECORDS_CERTIFICATE_UNKNOWN')
  const purpose = record.type === 'directive' ? 'operator' : 'node'
  const policy = { mesh, rootFingerprint, signaturePolicy, purpose } as const
  const path = { chain, root, revocations, policy, atMs: record.createdAtMs }
  const author = await validatePath(path, { provider, cache: paths }).catch((cause) => {
    throw refusedPath(cause)
  })
  if (author.nodeId !== record.origin) throw RECORDS_ERRORS.create('RECORDS_ORIGIN_MISMATCH')
  return author
}

/** A chain comes from this node's own store, so whatever is wrong with it is not the fault of the record's sender. */
function refusedPath(cause: unknown): unknown {
  if (!isGapmeshError(cause)) return cause
  const { code, metadata } = cause
  if (code === 'RECORDS_PATH_REVOKED') return RECORDS_ERRORS.create('RECORDS_REVOKED', { cause, metadata })
  return RECORDS_ERRORS.create('RECORDS_CERTIFICATE_REFUSED', { cause, detail: cause.message, metadata: { code } })
}

function checkPolicy(frame: CoseFrame, policy: SignaturePolicy): void {
  const halves = frame.signatures.map(({ suite }) => suite.half)
  if (!requiredHalves(policy).every((half) => halves.includes(half)))
    throw RECORDS_ERRORS.create('RECORDS_POLICY', { metadata: { policy, halves } })
}

/** Every signature that is there must hold, whatever the policy asks for: there is no partial verification. */
async function checkSignatures(
  frame: CoseFrame,
  author: ValidPath,
  { trust, provider }: { trust: RecordTrust; provider: SignatureProvider },
): Promise<void> {
  const by = { keys: author, aadItem: externalAad(trust.mesh, trust.rootFingerprint), provider }
  for (const signature of frame.signatures) {
    if (await signatureHolds(frame, signature, by)) continue
    throw RECORDS_ERRORS.create('RECORDS_SIGNATURE', { metadata: { half: signature.suite.half } })
  }
}
