// A record and its two signatures, beside the two signatures alone.
import { generateKeyPair, type KeyObject, sign, verify as verifyRaw } from 'node:crypto'
import { join } from 'node:path'
import { silentLogger, systemClock, utf8 } from '../core/index.ts'
import { openDatabase } from '../core/store/index.ts'
import { externalAad, sigStructure } from '../records/cose.ts'
import { type CheckedRecord, signRecord, verify } from '../records/index.ts'
import { PathCache } from '../records/path/index.ts'
import { openRecord } from '../records/record.ts'
import { openRecordStore } from '../records/store/index.ts'
import {
  type Benchmark,
  type BenchRow,
  byTurns,
  inTemporaryDirectory,
  microsecondsEach,
  row,
  type Turns,
} from './harness.ts'
import { anomaly, anomalyContent, type BenchMesh, type BenchNode, makeMesh, trustOf } from './mesh.ts'

/** Signatures and verifications under way at once where there are several. */
const IN_FLIGHT = 8

/** One message with its signature and the keys to both. */
interface Half {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

function signAlone({ message, privateKey }: Half): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    sign(null, message, privateKey, (error, signature) => (error ? reject(error) : resolve(signature)))
  })
}

function verifyAlone({ message, publicKey, signature }: Half): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verifyRaw(null, message, publicKey, signature, (error, valid) => (error || !valid ? reject(error) : resolve(valid)))
  })
}

function generateAlone(type: 'ed25519' | 'ml-dsa-87'): Promise<KeyObject> {
  return new Promise((resolve, reject) => {
    const ended = (error: Error | null, _public: KeyObject, key: KeyObject) => (error ? reject(error) : resolve(key))
    generateKeyPair(type as 'ed25519', {}, ended)
  })
}

/** The very messages and signatures of a record. */
function halvesOf(record: CheckedRecord, node: BenchNode): Half[] {
  const { frame } = openRecord(record.bytes)
  const aad = externalAad(node.signer.mesh, node.signer.rootFingerprint)
  return frame.signatures.map(({ protectedItem, signature, suite }) => {
    const key = suite.half === 'classical' ? node.deviceKey : node.identityKey
    const message = sigStructure(frame, protectedItem, aad)
    return { message, signature, privateKey: key.keyObject, publicKey: key.publicKey.keyObject }
  })
}

/** A row of medians in microseconds. */
async function rowOf(name: string, aim: string, turns: Turns): Promise<BenchRow> {
  return row({ name, aim, unit: 'µs', ...(await byTurns(turns)) })
}

/** Signing times vary with the number of rejected samples, so that this row needs the most of them. */
async function recordSigning(mesh: BenchMesh): Promise<BenchRow> {
  const count = 64
  const [node] = mesh.nodes as [BenchNode]
  const content = anomalyContent(node, { signatures: [anomaly(mesh)], sequence: 0 })
  const halves = halvesOf(await signRecord(content, node.signer, { policy: 'hybrid' }), node)
  return rowOf('record-sign', '<= 1.1', {
    rounds: 80,
    subject: () => microsecondsEach(count, 1, () => signRecord(content, node.signer, { policy: 'hybrid' })),
    floor: () => microsecondsEach(count, 1, () => Promise.all(halves.map(signAlone))),
  })
}

/** Verifies as a member does that holds one record of the origin and has seen its certificate before. */
async function recordVerification(mesh: BenchMesh): Promise<BenchRow> {
  const count = 128
  const [node] = mesh.nodes as [BenchNode]
  const clock = systemClock()
  const make = (sequence: number) =>
    signRecord(anomalyContent(node, { signatures: [anomaly(mesh)], sequence }), node.signer, { policy: 'hybrid' })
  return inTemporaryDirectory(async (directory) => {
    const database = await openDatabase(join(directory, 'db'))
    const store = await openRecordStore({}, { database, clock, logger: silentLogger() })
    await store.putChain(node.chain)
    await store.admit(await make(0), clock.now())
    const records = await Promise.all(Array.from({ length: count }, (_, at) => make(at + 1)))
    const halves = records.map((record) => halvesOf(record, node))
    const trust = trustOf(mesh, store)
    const dependencies = { provider: mesh.provider, paths: new PathCache() }
    const verifyOne = (at: number) => verify({ record: records[at]!.bytes, trust, clock }, dependencies)
    const result = await rowOf('record-verify', '<= 1.3', {
      rounds: 40,
      subject: () => microsecondsEach(count, IN_FLIGHT, verifyOne),
      floor: () => microsecondsEach(count, IN_FLIGHT, (at) => Promise.all(halves[at]!.map(verifyAlone))),
    })
    await store.close()
    await database.close()
    return result
  })
}

/** Signatures and keys without a record around them, one after another. */
async function hybridRows({ provider, nodes }: BenchMesh): Promise<BenchRow[]> {
  const count = 32
  const rounds = 30
  const [{ deviceKey, identityKey }] = nodes as [BenchNode]
  const message = utf8('what both halves sign')
  const keys = [deviceKey, identityKey]
  const signBoth = () => Promise.all(keys.map((key) => key.sign(message)))
  const signatures = await signBoth()
  const halves = keys.map(({ keyObject, publicKey }, at) => ({
    message,
    signature: signatures[at]!,
    privateKey: keyObject,
    publicKey: publicKey.keyObject,
  }))
  const verifyBoth = () =>
    Promise.all(keys.map(({ publicKey }, at) => provider.verify(publicKey, message, signatures[at]!)))
  const one = (job: () => Promise<unknown>) => () => microsecondsEach(count, 1, job)
  return [
    await rowOf('hybrid-sign', '', {
      rounds,
      subject: one(signBoth),
      floor: one(() => Promise.all(halves.map(signAlone))),
    }),
    await rowOf('hybrid-verify', '', {
      rounds,
      subject: one(verifyBoth),
      floor: one(() => Promise.all(halves.map(verifyAlone))),
    }),
    await rowOf('hybrid-keygen', '', {
      rounds,
      subject: one(() => Promise.all([provider.generate('ed25519'), provider.generate('ml-dsa-87')])),
      floor: one(() => Promise.all([generateAlone('ed25519'), generateAlone('ml-dsa-87')])),
    }),
  ]
}

/** What the record costs on top of its cryptography. */
export const recordsBenchmark: Benchmark = {
  name: 'records',
  rows: ['record-sign', 'record-verify', 'hybrid-sign', 'hybrid-verify', 'hybrid-keygen'],
  async run() {
    const mesh = await makeMesh(1)
    return [await recordSigning(mesh), await recordVerification(mesh), ...(await hybridRows(mesh))]
  },
}
