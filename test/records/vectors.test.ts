/** Bytes that gapmesh 0.1.0 wrote, and bytes that it refused: later releases must judge them the same. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { fromHex, type RefusalAction, SimulatedClock, toHex } from '../../core/index.ts'
import { createNativeProvider, type SignaturePolicy } from '../../crypto/index.ts'
import {
  type AnomalySignature,
  decodeAnomalyBody,
  decodeRecord,
  encodeAnomalyBody,
  encodeRecord,
  hashAddress,
  type OriginHead,
  parseAddress,
  type RecordContent,
  type Revocation,
  signRecord,
  verify,
} from '../../records/index.ts'
import { PathCache, parseChain } from '../../records/path/index.ts'

/** Fields of a record, byte strings in hexadecimal. */
type ContentJson = { [Key in keyof RecordContent]: RecordContent[Key] extends Uint8Array ? string : RecordContent[Key] }

interface CodecVector {
  name: string
  meaning: string
  hex: string
  expect?: ContentJson & { id: string; signatures: { coseAlgorithm: number; keyId: string }[] }
  code?: string
}

interface AnomalyVector {
  name: string
  meaning: string
  hex: string
  expect?: unknown[]
  code?: string
}

interface VerifyVector {
  name: string
  meaning: string
  /** Bytes, or the name of the vector that has them. */
  hex?: string
  record?: string
  nowMs?: number
  policy?: SignaturePolicy
  revocation?: Revocation
  head?: OriginHead
  id?: string
  code?: string
  action?: RefusalAction
}

function read<File>(name: string): File {
  return JSON.parse(readFileSync(new URL(`../vectors/records/${name}`, import.meta.url), 'utf8'))
}

function toJson({ type, origin, issuerKeyId, serialNumber, sequence, createdAtMs, lifetimeMs, body }: RecordContent) {
  return {
    type,
    origin,
    issuerKeyId: toHex(issuerKeyId),
    serialNumber: toHex(serialNumber),
    sequence,
    createdAtMs,
    lifetimeMs,
    body: toHex(body),
  }
}

function anomalyToJson(signature: AnomalySignature): unknown {
  const { indicator, blockId, addresses } = signature
  return {
    ...signature,
    indicator: typeof indicator === 'string' ? indicator : { hash: toHex(indicator) },
    blockId: toHex(blockId),
    ...(addresses && {
      addresses: {
        epoch: addresses.epoch,
        ...(addresses.source && { source: toHex(addresses.source) }),
        ...(addresses.destination && { destination: toHex(addresses.destination) }),
      },
    }),
  }
}

t.test('codec', async (t) => {
  const { vectors } = read<{ vectors: CodecVector[] }>('codec.json')
  for (const { name, meaning, hex, expect, code } of vectors) {
    if (expect === undefined) {
      t.throws(() => decodeRecord(fromHex(hex)), { code }, `${name}: ${meaning}`)
      continue
    }
    const record = decodeRecord(fromHex(hex))
    const { id, signatures, ...content } = expect
    t.same(toJson(record), content, `${name}: ${meaning}`)
    t.equal(toHex(record.id), id)
    t.match(
      record.signatures.map(({ coseAlgorithm, keyId }) => ({ coseAlgorithm, keyId: toHex(keyId) })),
      signatures,
    )
    t.equal(toHex(encodeRecord(record, record.signatures)), hex, 'and back')
  }
  t.ok(vectors.length > 20)
})

t.test('anomaly bodies', async (t) => {
  const { vectors } = read<{ vectors: AnomalyVector[] }>('anomaly.json')
  for (const { name, meaning, hex, expect, code } of vectors) {
    if (expect === undefined) {
      t.throws(() => decodeAnomalyBody(fromHex(hex)), { code }, `${name}: ${meaning}`)
      continue
    }
    const signatures = decodeAnomalyBody(fromHex(hex))
    t.same(signatures.map(anomalyToJson), expect, `${name}: ${meaning}`)
    t.equal(toHex(encodeAnomalyBody(signatures)), hex, 'and back')
  }
  t.ok(vectors.length > 10)
})

t.test('hashed addresses', async (t) => {
  type Vector = { address: string; epoch: number; form?: string; hash?: string; code?: string }
  const { key, vectors } = read<{ key: string; vectors: Vector[] }>('address.json')
  for (const { address, epoch, form, hash, code } of vectors) {
    const make = () => hashAddress(address, { key: fromHex(key), epoch })
    if (hash === undefined) t.throws(make, { code }, address)
    else t.same([toHex(parseAddress(address)), toHex(make())], [form, hash], `${address} in epoch ${epoch}`)
  }
  t.ok(vectors.length > 10)
})

t.test('signing with a fixed key', async (t) => {
  type Vector = { pkcs8: string; mesh: string; rootFingerprint: string; content: ContentJson; hex: string; id: string }
  const { vectors } = read<{ vectors: Vector[] }>('sign.json')
  for (const { pkcs8, mesh, rootFingerprint, content, hex, id } of vectors) {
    const key = createNativeProvider().importPrivate(fromHex(pkcs8))
    const { issuerKeyId, serialNumber, body, ...rest } = content
    const record = await signRecord(
      { ...rest, issuerKeyId: fromHex(issuerKeyId), serialNumber: fromHex(serialNumber), body: fromHex(body) },
      { mesh, rootFingerprint: fromHex(rootFingerprint), deviceKey: key, identityKey: key },
      { policy: 'classical-only' },
    )
    t.same([toHex(record.bytes), toHex(record.id)], [hex, id])
  }
  t.equal(vectors.length, 1)
})

t.test('verification', async (t) => {
  type File = { mesh: string; rootFingerprint: string; nowMs: number; chain: string[]; vectors: VerifyVector[] }
  const file = read<File>('verify.json')
  const chain = parseChain(file.chain.map(fromHex))
  const dependencies = { provider: createNativeProvider(), paths: new PathCache() }
  for (const vector of file.vectors) {
    const { name, meaning, policy = 'hybrid', revocation, head, nowMs = file.nowMs } = vector
    const hex = vector.hex ?? file.vectors.find((other) => other.name === vector.record)?.hex ?? ''
    const trust = {
      mesh: file.mesh,
      rootFingerprint: fromHex(file.rootFingerprint),
      revocations: { find: () => revocation },
      policyAt: () => policy,
      headOf: () => head,
      isDuplicate: () => false,
      chainFor: () => chain,
    }
    const verified = verify({ record: fromHex(hex), trust, clock: new SimulatedClock(nowMs) }, dependencies)
    if (vector.id !== undefined) t.equal(toHex((await verified).id), vector.id, `${name}: ${meaning}`)
    else await t.rejects(verified, { code: vector.code, action: vector.action }, `${name}: ${meaning}`)
  }
  t.ok(file.vectors.length > 15)
})
