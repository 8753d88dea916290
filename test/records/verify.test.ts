import t from 'tap'
import { type GapmeshError, isGapmeshError, SimulatedClock } from '../../core/index.ts'
import {
  decodeRecord,
  encodeAnomalyBody,
  encodeRecord,
  MAX_CREATION_AHEAD_MS,
  RECORD_BODIES,
  type RecordTrust,
  signRecord,
  verify,
} from '../../records/index.ts'
import { PathCache } from '../../records/path/index.ts'
import { makeTestMesh } from '../helpers/pki.ts'
import { anomaly, DAY_MS, makeScene, NOW_MS, Scene } from './scene.ts'

const scene = await makeScene()
const record = await scene.sign()

/** The error of a refusal. */
async function refusal(promise: Promise<unknown>): Promise<Pick<GapmeshError, 'code' | 'action'>> {
  const error = await promise.then(
    () => new Error('was not refused'),
    (cause) => cause,
  )
  if (!isGapmeshError(error)) throw error
  return { code: error.code, action: error.action }
}

const ignored = (code: string) => ({ code, action: 'ignore' })
const rejected = (code: string) => ({ code, action: 'reject' })

t.test('a signed record verifies and tells who its author is', async (t) => {
  const verified = await scene.verify(record.bytes)
  t.equal(verified.author.nodeId, 'sensor-01')
  t.same(verified.decodedBody, [anomaly()])
  t.same(verified.id, record.id)
  t.equal(verified.signatures.length, 2)
})

t.test('policies ask for halves, and an additional half must hold as well', async (t) => {
  const classical = await scene.sign({}, 'classical-only')
  const quantum = await scene.sign({}, 'quantum-only')
  t.same([classical.signatures.length, quantum.signatures.length], [1, 1])
  const under = (policy: 'classical-only' | 'hybrid' | 'quantum-only') => ({ policyAt: () => policy })
  await scene.verify(classical.bytes, under('classical-only'))
  await scene.verify(quantum.bytes, under('quantum-only'))
  await scene.verify(record.bytes, under('classical-only'))
  await scene.verify(record.bytes, under('quantum-only'))
  for (const [bytes, policy] of [
    [classical.bytes, 'hybrid'],
    [quantum.bytes, 'hybrid'],
    [classical.bytes, 'quantum-only'],
    [quantum.bytes, 'classical-only'],
  ] as const) {
    t.same(await refusal(scene.verify(bytes, under(policy))), ignored('RECORDS_POLICY'))
  }
  for (const [half, policy] of [
    [0, 'quantum-only'],
    [1, 'classical-only'],
  ] as const) {
    const broken = record.signatures.map((signature, at) =>
      at === half
        ? { ...signature, signature: signature.signature.map((byte, index) => byte ^ (index === 40 ? 1 : 0)) }
        : signature,
    )
    const bytes = encodeRecord(record, broken)
    t.same(await refusal(scene.verify(bytes, under(policy))), rejected('RECORDS_SIGNATURE'), policy)
  }
  const asked: number[] = []
  await scene.verify(record.bytes, {
    policyAt(createdAtMs) {
      asked.push(createdAtMs)
      return 'hybrid'
    },
  })
  t.same(asked, [record.createdAtMs], 'the policy of the creation time')
})

t.test('a signature made again is the same record', async (t) => {
  const again = await scene.sign()
  t.not(Buffer.compare(again.bytes, record.bytes), 0, 'ML-DSA signs with fresh randomness')
  t.same(again.id, record.id)
  await scene.verify(again.bytes)
})

t.test('a record of another mesh is refused, by its certificate or by its signature', async (t) => {
  const other = await makeScene({ mesh: 'other-mesh' })
  const foreign = await other.sign()
  t.same(
    await refusal(scene.verify(foreign.bytes, { chainFor: () => undefined })),
    ignored('RECORDS_CERTIFICATE_UNKNOWN'),
  )
  t.same(
    await refusal(scene.verify(foreign.bytes, { chainFor: () => other.chain })),
    ignored('RECORDS_CERTIFICATE_REFUSED'),
  )
  for (const change of [{ mesh: 'other-mesh' }, { rootFingerprint: new Uint8Array(32) }]) {
    const sameKeys = await signRecord(scene.content(), { ...scene.signer, ...change }, { policy: 'hybrid' })
    t.same(sameKeys.id, record.id)
    t.same(await refusal(scene.verify(sameKeys.bytes)), rejected('RECORDS_SIGNATURE'))
  }
})

t.test(
  'every bit counts: of the post-quantum signature one in every third byte is tried, of the rest all',
  async (t) => {
    const tail = record.bytes.length - 4_627
    const bits = Array.from({ length: record.bytes.length }, (_, at) => at).flatMap((at) =>
      at < tail ? [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => at * 8 + bit) : at % 3 === 0 ? [at * 8 + (at % 8)] : [],
    )
    let refused = 0
    for (const bit of bits) {
      const bytes = new Uint8Array(record.bytes)
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
      const outcome = await scene.verify(bytes).catch((error) => (isGapmeshError(error) ? error.code : error))
      if (typeof outcome === 'string' && outcome.startsWith('RECORDS_')) refused += 1
      else t.fail(`bit ${bit}: ${outcome}`)
    }
    t.equal(refused, bits.length)
    t.ok(refused > 4_000, `${refused} altered records were refused`)
  },
)

t.test('refusals in order: the first check that fails speaks, and none behind it is reached', async (t) => {
  const unreached = (): never => {
    throw new TypeError('reached')
  }
  const lookups: Partial<RecordTrust> = {
    headOf: unreached,
    isDuplicate: unreached,
    chainFor: unreached,
    policyAt: unreached,
  }
  const oversized = new Proxy(new Uint8Array(65_537), {
    get: (bytes, key) => (key === 'length' ? bytes.length : unreached()),
  })
  t.same(
    await refusal(scene.verify(oversized, lookups)),
    rejected('RECORDS_TOO_LARGE'),
    'limits before any byte is read',
  )

  const expiredGarbage = new Uint8Array([...record.bytes, 0])
  t.same(await refusal(scene.verify(expiredGarbage, lookups)), rejected('RECORDS_MALFORMED'))

  const seal = await signRecord(
    scene.content({ type: 'seal', lifetimeMs: 0, createdAtMs: NOW_MS + DAY_MS, body: Uint8Array.of(0x01) }),
    scene.signer,
    { policy: 'hybrid', bodies: { seal: () => undefined } },
  )
  t.same(await refusal(scene.verify(seal.bytes, lookups)), ignored('RECORDS_TYPE_UNKNOWN'), 'type before time')

  const expired = await scene.sign({ createdAtMs: NOW_MS - DAY_MS })
  t.same(await refusal(scene.verify(expired.bytes, lookups)), ignored('RECORDS_EXPIRED'), 'time before look-ups')
  const early = await scene.sign({ createdAtMs: NOW_MS + MAX_CREATION_AHEAD_MS + 1 })
  t.same(await refusal(scene.verify(early.bytes, lookups)), ignored('RECORDS_FROM_FUTURE'))
  const onTime = await scene.sign({ createdAtMs: NOW_MS + MAX_CREATION_AHEAD_MS })
  await scene.verify(onTime.bytes)

  const head = { sequence: 0, createdAtMs: NOW_MS + 1 }
  t.same(await refusal(scene.verify(record.bytes, { ...lookups, headOf: () => head })), ignored('RECORDS_TIME_ORDER'))
  const duplicate = { ...lookups, headOf: () => undefined, isDuplicate: () => true }
  t.same(await refusal(scene.verify(record.bytes, duplicate)), ignored('RECORDS_DUPLICATE'))

  const held = encodeRecord(scene.content({ body: Uint8Array.of(0x80) }), record.signatures)
  t.same(await refusal(scene.verify(held, duplicate)), ignored('RECORDS_DUPLICATE'), 'duplicate before the body')
  const fresh = { policyAt: () => 'hybrid' as const, chainFor: unreached }
  t.same(await refusal(scene.verify(held, fresh)), rejected('RECORDS_BODY_MALFORMED'), 'body before the certificate')

  const unknown = { chainFor: () => undefined }
  t.same(await refusal(scene.verify(record.bytes, unknown)), ignored('RECORDS_CERTIFICATE_UNKNOWN'))
  const revoked = { revocations: { find: () => ({ revokedAtMs: NOW_MS, keyCompromise: false }) } }
  const halfOnly = encodeRecord(record, record.signatures.slice(0, 1))
  t.same(await refusal(scene.verify(halfOnly, revoked)), ignored('RECORDS_REVOKED'), 'revocation before policy')
  const broken = [{ ...record.signatures[0]!, signature: new Uint8Array(64) }]
  t.same(
    await refusal(scene.verify(encodeRecord(record, broken))),
    ignored('RECORDS_POLICY'),
    'policy before signatures',
  )
})

t.test('signatures by other keys are refused without being verified', async (t) => {
  const other = await scene.mesh.addNode({ nodeId: 'sensor-02' })
  const mixed = await signRecord(scene.content(), { ...scene.signer, deviceKey: other.deviceKey }, { policy: 'hybrid' })
  t.same(await refusal(scene.verify(mixed.bytes)), rejected('RECORDS_SIGNATURE'))
  const asAnother = await scene.sign({ origin: 'sensor-02' })
  t.same(await refusal(scene.verify(asAnother.bytes)), rejected('RECORDS_ORIGIN_MISMATCH'))
})

t.test('revocation: key compromise at any time, else from its date on', async (t) => {
  const revoked = (revokedAtMs: number, keyCompromise: boolean) => ({
    revocations: { find: () => ({ revokedAtMs, keyCompromise }) },
  })
  t.same(await refusal(scene.verify(record.bytes, revoked(NOW_MS + DAY_MS, true))), ignored('RECORDS_REVOKED'))
  t.same(await refusal(scene.verify(record.bytes, revoked(NOW_MS, false))), ignored('RECORDS_REVOKED'))
  await scene.verify(record.bytes, revoked(NOW_MS + 1, false))
  const admitted = { ...revoked(NOW_MS, true), isDuplicate: () => true }
  t.same(await refusal(scene.verify(record.bytes, admitted)), ignored('RECORDS_DUPLICATE'), 'what is admitted stays')
})

t.test('a revocation that becomes known counts at once, although the path is remembered', async (t) => {
  const remembered = new Scene(scene.mesh, scene.node)
  await remembered.verify(record.bytes)
  t.equal(remembered.paths.size, 1)
  const found = { revocations: { find: () => ({ revokedAtMs: 0, keyCompromise: true }) } }
  t.same(await refusal(remembered.verify(record.bytes, found)), ignored('RECORDS_REVOKED'))
})

t.test('a certificate of a year ago judges a record of a year ago', async (t) => {
  const thenMs = NOW_MS - 365 * DAY_MS
  const mesh = await makeTestMesh({ nowMs: thenMs, nodes: ['sensor-01'] })
  const old = new Scene(mesh, mesh.node('sensor-01'))
  t.ok((old.chain[0]?.notAfterMs ?? NOW_MS) < NOW_MS, 'the certificate has expired since')
  const lasting = await old.sign({ createdAtMs: thenMs, lifetimeMs: 730 * DAY_MS })
  await old.verify(lasting.bytes)
  const late = await old.sign({ createdAtMs: NOW_MS, lifetimeMs: DAY_MS })
  t.same(await refusal(old.verify(late.bytes)), ignored('RECORDS_CERTIFICATE_REFUSED'), 'but no record of today')
  const before = await old.sign({ createdAtMs: thenMs - 60 * DAY_MS, lifetimeMs: 730 * DAY_MS })
  t.same(await refusal(old.verify(before.bytes)), ignored('RECORDS_CERTIFICATE_REFUSED'), 'nor one from before it')
})

t.test('creation times keep step with the sequence of an origin, in whatever order records arrive', async (t) => {
  const newest = { headOf: () => ({ sequence: 10, createdAtMs: NOW_MS }) }
  const at = async (sequence: number, createdAtMs: number) =>
    scene.verify((await scene.sign({ sequence, createdAtMs })).bytes, newest)
  await at(11, NOW_MS)
  await at(11, NOW_MS + 1)
  await at(10, NOW_MS)
  await at(9, NOW_MS)
  await at(2, NOW_MS - 1)
  for (const [sequence, createdAtMs] of [
    [11, NOW_MS - 1],
    [10, NOW_MS + 1],
    [10, NOW_MS - 1],
    [9, NOW_MS + 1],
  ] as const) {
    t.same(await refusal(at(sequence, createdAtMs)), ignored('RECORDS_TIME_ORDER'), `${sequence}`)
  }
})

t.test('a chain may be kept without its root', async (t) => {
  const rootless = { chainFor: () => scene.chain.slice(0, -1), root: scene.mesh.root.certificate }
  t.equal((await scene.verify(record.bytes, rootless)).author.nodeId, 'sensor-01')
})

t.test('rooms above bring the body codecs of their types', async (t) => {
  const bodies = { ...RECORD_BODIES, seal: (body: Uint8Array) => body.length }
  const seal = await signRecord(
    scene.content({ type: 'seal', lifetimeMs: 0, body: Uint8Array.of(0x01) }),
    scene.signer,
    { policy: 'hybrid', bodies },
  )
  const verified = await verify(
    { record: seal.bytes, trust: scene.trust(), clock: new SimulatedClock(NOW_MS + 3_650 * DAY_MS) },
    { provider: scene.mesh.provider, paths: new PathCache(), bodies },
  )
  t.equal(verified.decodedBody, 1)
  await t.rejects(scene.sign({ type: 'vote' }), { code: 'RECORDS_TYPE_UNKNOWN' })
})

t.test('signing refuses what verifying would, before a key is used', async (t) => {
  const unusable = {
    ...scene.signer,
    deviceKey: { publicKey: scene.signer.deviceKey.publicKey, sign: () => t.fail() as never },
  }
  const sign = (changes: object) => signRecord(scene.content(changes), unusable, { policy: 'hybrid' })
  await t.rejects(sign({ lifetimeMs: 0 }), { code: 'RECORDS_LIFETIME' })
  await t.rejects(sign({ origin: 'Not A Label' }), { code: 'RECORDS_MALFORMED' })
  await t.rejects(sign({ body: new Uint8Array(65_536) }), { code: 'RECORDS_TOO_LARGE' })
  await t.rejects(sign({ body: Uint8Array.of(0x80) }), { code: 'RECORDS_BODY_MALFORMED' })
  await t.rejects(signRecord(scene.content(), scene.signer, { policy: 'hybrid', halves: 1 } as never), TypeError)
})

t.test('the record of 64 signatures verifies', async (t) => {
  const body = encodeAnomalyBody(Array.from({ length: 64 }, (_, count) => anomaly({ count: count + 1 })))
  const full = await scene.sign({ body })
  t.same((await scene.verify(full.bytes)).id, decodeRecord(full.bytes).id)
})
