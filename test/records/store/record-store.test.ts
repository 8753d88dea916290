import t from 'tap'
import { compareBytes, concatBytes, SimulatedClock, utf8 } from '../../../core/index.ts'
import { ROOM } from '../../../core/store/index.ts'
import { sha256 } from '../../../crypto/index.ts'
import { issueIssuingCa } from '../../../enrollment/certificates.ts'
import { type CheckedRecord, verify } from '../../../records/index.ts'
import { type Certificate, PathCache, parseChain } from '../../../records/path/index.ts'
import { DAY_MS, makeScene, NOW_MS } from '../scene.ts'
import { series, unsigned } from './fake-records.ts'
import { all, openAt } from './open.ts'

const HOUR_MS = 3_600_000

t.test('what is admitted is there, once, and after reopening too', async (t) => {
  const path = t.testdir()
  const first = await openAt(path)
  const records = series(20)
  t.same(
    await Promise.all(records.map((record) => first.store.admit(record, NOW_MS + 5))),
    records.map(() => true),
  )
  const [record] = records as [CheckedRecord]
  t.equal(await first.store.admit(record, NOW_MS + 9), false, 'held already')
  const expected = { records: 20, bytes: 20 * record.bytes.length, missing: 0, refused: 0, heads: 1, expired: 0 }
  t.match(first.store.counts(), expected)
  await first.close()

  const again = await openAt(path)
  t.match(again.store.counts(), expected)
  t.equal(await again.store.has(record.id), true)
  t.equal(again.store.isDuplicate(record.id, record.createdAtMs), true)
  t.equal(again.store.isDuplicate(record.id, record.createdAtMs + HOUR_MS), false, 'an id lives at one time')
  const { decodedBody: _, ...decoded } = record
  t.strictSame(await again.store.get(record.id), { record: decoded, receivedAtMs: NOW_MS + 5 })
  t.equal(await again.store.get(new Uint8Array(32)), undefined)
  t.same(await again.store.check(), { ok: true, records: 20, missing: 0, damaged: 0, unindexed: 0, dangling: 0 })
  await again.close()
})

t.test('one record on two roads at once is stored once, and both wait for the disk', async (t) => {
  const { store, close } = await openAt(t.testdir())
  const record = unsigned()
  const outcomes = await Promise.all([1, 2, 3].map((at) => store.admit(record, NOW_MS + at)))
  t.same(outcomes.sort(), [false, false, true])
  t.equal(store.counts().records, 1)
  await close()
})

t.test('a record shares one commit with entries of other rooms', async (t) => {
  const { store, database, close } = await openAt(t.testdir())
  const position = database.room(ROOM.readPositions)
  const admission = store.admitOperations(unsigned(), NOW_MS)
  t.ok(admission)
  t.equal(store.admitOperations(unsigned(), NOW_MS), undefined, 'on its way')
  t.equal(store.isDuplicate(unsigned().id, NOW_MS), false, 'not before it is on disk')
  await database.commit([...(admission?.operations ?? []), position.put(utf8('eve'), utf8('17'))])
  admission?.committed()
  t.equal(store.isDuplicate(unsigned().id, NOW_MS), true)
  t.equal(await store.has(unsigned().id), true)
  t.equal(await position.has(utf8('eve')), true)
  await close()
})

t.test('a commit that failed leaves nothing behind, and the record can come again', async (t) => {
  const path = t.testdir()
  const { store, close } = await openAt(path)
  const [first, second] = series(2) as [CheckedRecord, CheckedRecord]
  const failed = store.admitOperations(first, NOW_MS)
  const waiting = store.admit(first, NOW_MS)
  await store.admit(second, NOW_MS) // carries a count that includes the first
  failed?.failed()
  t.equal(await waiting, true, 'who waited for the first tries again')
  const third = store.admitOperations(unsigned({ sequence: 9 }), NOW_MS)
  third?.failed()
  t.equal(store.counts().records, 2)
  await close()
  const again = await openAt(path)
  t.match(again.store.counts(), { records: 2, missing: 0 })
  t.match(await again.store.check(), { ok: true, records: 2 })
  await again.close()
})

t.test('queries by index, oldest or newest first', async (t) => {
  const { store, close } = await openAt(t.testdir())
  const records = series(150, 1_000)
  for (const record of [...records].reverse()) void store.admit(record, NOW_MS)
  const others = [
    unsigned({ origin: 'sensor-02', createdAtMs: NOW_MS + 500 }, [{ severity: 5 }]),
    unsigned({ sequence: 500, createdAtMs: NOW_MS + 200_000 }, [
      { kind: 'zeek_notice', severity: 2 },
      { kind: 'zeek_weird', severity: 5 },
    ]),
    unsigned({ type: 'seal', lifetimeMs: 0, createdAtMs: NOW_MS + 300_000, body: Uint8Array.of(1) }),
  ] as const
  await Promise.all(others.map((record) => store.admit(record, NOW_MS)))
  const times = async (query: Parameters<typeof store.list>[0]) =>
    (await all(store.list(query))).map(({ record }) => record.createdAtMs - NOW_MS)

  const everything = await times({})
  t.equal(everything.length, 153)
  t.same(
    everything,
    [...everything].sort((a, b) => a - b),
  )
  t.same(await times({ reverse: true }), [...everything].reverse())
  t.same(await times({ reverse: true, limit: 3 }), [300_000, 200_000, 149_000])
  t.same(await times({ limit: 0 }), [])
  t.equal((await times({ limit: 100 })).length, 100)
  t.same(await times({ fromMs: NOW_MS + 1_000, toMs: NOW_MS + 3_000 }), [1_000, 2_000])
  t.same(await times({ fromMs: NOW_MS, toMs: NOW_MS }), [])
  t.same(await times({ origin: 'sensor-02' }), [500])
  t.same(await times({ type: 'seal' }), [300_000])
  t.same(await times({ kind: 'zeek_notice' }), [200_000])
  t.same(await times({ minSeverity: 5 }), [500, 200_000])
  t.same(await times({ kind: 'zeek_notice', minSeverity: 3 }), [], 'the severity of that kind')
  t.same(await times({ kind: 'zeek_weird', minSeverity: 3, origin: 'sensor-01' }), [200_000])
  t.equal((await times({ type: 'anomaly', fromMs: NOW_MS + 140_000 })).length, 11)
  await t.rejects(all(store.list({ since: 1 } as never)), TypeError)
  await t.rejects(all(store.list({ limit: -1 })), TypeError)
  await close()
})

t.test('sequences rise, are given out once, and go on after a restart', async (t) => {
  const path = t.testdir()
  const first = await openAt(path)
  t.same([first.store.nextSequence('sensor-01', 'anomaly'), first.store.nextSequence('sensor-01', 'anomaly')], [0, 1])
  t.equal(first.store.nextSequence('sensor-01', 'seal'), 0, 'by type')
  await first.store.admit(unsigned({ sequence: 41, createdAtMs: NOW_MS + 7 }), NOW_MS)
  await first.store.admit(unsigned({ sequence: 12, createdAtMs: NOW_MS + 1 }), NOW_MS)
  t.equal(first.store.nextSequence('sensor-01', 'anomaly'), 42)
  t.same(first.store.headOf('sensor-01', 'anomaly'), { sequence: 41, createdAtMs: NOW_MS + 7 })
  t.equal(first.store.headOf('sensor-02', 'anomaly'), undefined)
  await first.close()
  const again = await openAt(path)
  t.equal(again.store.nextSequence('sensor-01', 'anomaly'), 42)
  t.same(again.store.headOf('sensor-01', 'anomaly'), { sequence: 41, createdAtMs: NOW_MS + 7 })
  await again.close()
})

t.test('digests over sorted ids by hour and by first byte, followed by every change', async (t) => {
  const { store, close } = await openAt(t.testdir())
  const records = series(300, 30_000) // two and a half hours
  for (const record of records) void store.admit(record, NOW_MS)
  await store.admit(unsigned({ sequence: 999, createdAtMs: NOW_MS + 10 * HOUR_MS }), NOW_MS)
  const first = NOW_MS / HOUR_MS
  const buckets = store.buckets()
  t.same(
    buckets.map(({ bucket, count }) => [bucket - first, count]),
    [
      [0, 120],
      [1, 120],
      [2, 60],
      [10, 1],
    ],
  )
  const inFirst = records
    .slice(0, 120)
    .map(({ id }) => id)
    .sort(compareBytes)
  t.same(buckets[0]?.digest, sha256(concatBytes(...inFirst)))
  const limit = 1_000
  t.same(store.ids(first, { limit }), inFirst)
  t.same(store.ids(first, { after: inFirst[9], limit: 5 }), inFirst.slice(10, 15))
  const prefix = inFirst[0]?.[0] ?? 0
  const withPrefix = inFirst.filter((id) => id[0] === prefix)
  t.same(store.ids(first, { prefix, limit }), withPrefix)
  t.same(store.prefixes(first)[0], { prefix, count: withPrefix.length, digest: sha256(concatBytes(...withPrefix)) })
  t.equal(
    store.prefixes(first).reduce((sum, { count }) => sum + count, 0),
    120,
  )
  t.same([store.prefixes(1), store.ids(1, { limit })], [[], []], 'an hour without records')

  const late = unsigned({ sequence: 1_000, createdAtMs: NOW_MS + 1 })
  await store.admit(late, NOW_MS)
  const [changed, same] = store.buckets()
  t.same(changed?.digest, sha256(concatBytes(...[...inFirst, late.id].sort(compareBytes))))
  t.same(same, buckets[1])
  const latePrefix = store.prefixes(first).find((entry) => entry.prefix === late.id[0])
  t.same(latePrefix?.digest, sha256(concatBytes(...store.ids(first, { prefix: late.id[0], limit }))))
  await close()
})

t.test('catch-up asks for what is neither held nor refused, and reads what is held', async (t) => {
  const { store, close, clock } = await openAt(t.testdir())
  const [held, refused, unknown] = series(3) as [CheckedRecord, CheckedRecord, CheckedRecord]
  await store.admit(held, NOW_MS)
  store.refuse(refused.id, 'RECORDS_REVOKED', NOW_MS + 1_000)
  const ids = [held.id, refused.id, unknown.id]
  t.same(await store.missing(ids), [unknown.id])
  t.same(await store.read(ids), [held.bytes])
  await clock.advance(1_000)
  t.same(await store.missing(ids), [refused.id, unknown.id], 'refusals are forgotten in time')
  await close()
})

t.test('chains: of two certificates of a CA over one key the one that ends later stays above a leaf', async (t) => {
  const { mesh } = await makeScene()
  const { keys } = await mesh.makeIssuingCa()
  const certified = async (lifetimeMs: number) =>
    (await issueIssuingCa({ mesh: mesh.mesh, nowMs: NOW_MS, issuer: mesh.root, keys, lifetimeMs }, mesh)).certificate
  const [sooner, later] = [await certified(2 * DAY_MS), await certified(300 * DAY_MS)]
  const { certificate: leaf } = await mesh.addNode({ nodeId: 'sensor-02', issuer: { certificate: later, keys } })
  const under = (authority: Certificate) => [leaf, authority, mesh.root.certificate]
  const { store, close } = await openAt(t.testdir())
  const above = async () => (await store.chain(leaf.authorityKeyId, leaf.serialNumber))?.[1]?.notAfterMs
  await store.putChain(under(sooner))
  t.equal(await above(), sooner.notAfterMs)
  await store.putChain(under(later))
  t.equal(await above(), later.notAfterMs)
  for (const chain of [under(sooner), under(sooner).slice(0, 2), [leaf]]) await store.putChain(chain)
  t.equal(await above(), later.notAfterMs, 'nobody makes it end sooner than it does')
  await close()
})

t.test('chains: intermediates are kept once, and the store judges by them', async (t) => {
  const path = t.testdir()
  const scene = await makeScene()
  const issuer = await scene.mesh.makeIssuingCa()
  const nodes = [
    await scene.mesh.addNode({ nodeId: 'sensor-02', issuer }),
    await scene.mesh.addNode({ nodeId: 'sensor-03', issuer }),
  ] as const
  const first = await openAt(path)
  for (const node of nodes) await first.store.putChain(parseChain(node.chain))
  await first.store.putChain(parseChain(nodes[0].chain.slice(0, 2)))
  t.equal((await all(first.database.room(ROOM.certificates).keys())).length, 4, 'two leaves, one CA, one root')
  await t.rejects(first.store.putChain([]), TypeError)
  const record = await scene.sign()
  await first.store.admit(record, NOW_MS)
  t.same(await first.store.chainsFor([record.id]), [], 'its certificate was not put')
  await first.store.putChain(scene.chain)
  t.same(await first.store.chainsFor([record.id, record.id, new Uint8Array(32)]), [scene.node.chain])
  await first.close()

  const { store, close } = await openAt(path)
  for (const node of nodes) {
    const { authorityKeyId, serialNumber } = node.certificate
    const chain = await store.chain(authorityKeyId, serialNumber)
    t.same(
      chain?.map(({ der }) => der),
      node.chain,
      'whole, leaf first',
    )
  }
  t.equal(await store.chain(new Uint8Array(32), Uint8Array.of(1)), undefined)
  const trust = scene.trust({
    isDuplicate: (id, createdAtMs) => store.isDuplicate(id, createdAtMs),
    headOf: (origin, type) => store.headOf(origin, type),
    chainFor: (issuerKeyId, serialNumber) => store.chain(issuerKeyId, serialNumber),
  })
  const judge = (bytes: Uint8Array) =>
    verify({ record: bytes, trust, clock: scene.clock }, { provider: scene.mesh.provider, paths: new PathCache() })
  await t.rejects(judge(record.bytes), { code: 'RECORDS_DUPLICATE' })
  const next = await judge((await scene.sign({ sequence: 1 })).bytes)
  t.equal(await store.admit(next, NOW_MS), true)
  await t.rejects(judge((await scene.sign({ sequence: 2, createdAtMs: NOW_MS - 1 })).bytes), {
    code: 'RECORDS_TIME_ORDER',
  })
  await close()
})

t.test('a check finds what does not fit together', async (t) => {
  const { store, database, close } = await openAt(t.testdir())
  const records = series(5)
  for (const record of records) await store.admit(record, NOW_MS)
  const room = (prefix: (typeof ROOM)[keyof typeof ROOM]) => database.room(prefix)
  const [byTime] = await all(room(ROOM.recordsByTime).keys())
  const ids = records.map(({ id }) => id) as [Uint8Array, Uint8Array, Uint8Array]
  await database.commit([
    room(ROOM.recordsByTime).delete(byTime ?? new Uint8Array()),
    room(ROOM.records).delete(ids[1]),
    room(ROOM.records).put(ids[2], concatBytes(new Uint8Array(8), records[3]?.bytes ?? new Uint8Array())),
  ])
  t.same(await store.check(), { ok: false, records: 4, missing: 0, damaged: 1, unindexed: 1, dangling: 2 })
  await close()
})

t.test('a store that is opened to be read changes nothing, whatever the clock says', async (t) => {
  const path = t.testdir()
  const [short, long] = [unsigned({ lifetimeMs: 1_000 }), unsigned({ sequence: 1 })]
  const refused = new Uint8Array(32)
  const first = await openAt(path)
  for (const record of [short, long]) await first.store.admit(record, NOW_MS)
  first.store.refuse(refused, 'RECORDS_REVOKED', NOW_MS + 1_000)
  await first.close()
  const everything = async ({ database }: Pick<typeof first, 'database'>) =>
    Promise.all(Object.values(ROOM).map(async (prefix) => all(database.room(prefix).entries())))

  const clock = new SimulatedClock(NOW_MS + 40 * DAY_MS)
  const looking = await openAt(path, { clock, readOnly: true })
  const before = await everything(looking)
  t.equal(clock.pendingTimers, 0)
  t.match(looking.store.counts(), { records: 2, refused: 0 })
  t.match(await looking.store.check(), { ok: true, records: 2 })
  t.equal((await all(looking.store.list())).length, 2)
  looking.store.refuse(refused, 'RECORDS_REVOKED', clock.now() + 1_000)
  await t.rejects(looking.store.admit(unsigned({ sequence: 2 }), NOW_MS), TypeError)
  t.throws(() => looking.store.admitOperations(unsigned({ sequence: 2 }), NOW_MS), TypeError)
  await t.rejects(looking.store.putChain([]), TypeError)
  await clock.advance(HOUR_MS)
  await looking.store.close()
  t.same(await everything(looking), before)
  await looking.database.close()

  const again = await openAt(path)
  t.match(again.store.counts(), { records: 2, refused: 1 })
  await again.close()
})

t.test('unknown options are refused', async (t) => {
  await t.rejects(openAt(t.testdir(), { maxRecords: 1 } as never), TypeError)
})
