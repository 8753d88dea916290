import t from 'tap'
import { randomBelow, SimulatedRandom, utf8 } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { checkLedger, ledgerPort, MAX_BLOCKS_PER_ANSWER, type Microblock } from '../../ledger/index.ts'
import { MAX_CONFLICTS_PER_ORIGIN, MAX_ORIGINS } from '../../ledger/limits.ts'
import type { ChainPort } from '../../overlay/ports.ts'
import { append, chainOf, deviceKey, forge, openNode, type TestNode, type TestNodeOptions } from './support.ts'

const keys = { a: await deviceKey(), b: await deviceKey(), c: await deviceKey() }
const otherKey = await deviceKey()

type Test = { testdir(): string; teardown(action: () => unknown): void }

async function open(t: Test, nodeId: 'a' | 'b' | 'c', options: Partial<TestNodeOptions> = {}): Promise<TestNode> {
  const path = options.path ?? t.testdir()
  const node = await openNode({ nodeId, deviceKey: keys[nodeId], keys, ...options, path })
  t.teardown(() => node.database.close())
  return node
}

/** Two nodes, of which `a` has appended `count` blocks. */
async function pair(t: Test, count: number): Promise<{ a: TestNode; b: TestNode; blocks: Uint8Array[] }> {
  const root = t.testdir()
  const a = await open(t, 'a', { path: `${root}/a` })
  const b = await open(t, 'b', { path: `${root}/b` })
  if (count > 0) await append(a, ...Array.from({ length: count }, (_, index) => `event ${index}`))
  return { a, b, blocks: await chainOf(a, 'a') }
}

const from = { nodeId: 'a' }

/** A block of `a` at `seq` after `prev`. */
function block(seq: number, prev: Uint8Array, text = 'other', key = keys.a): Promise<Microblock> {
  return forge(key, { nodeId: 'a', seq, prev, timestampMs: 5, payloadHash: sha256(utf8(text)), eventType: 'ids_alert' })
}

t.test('a chain is taken over, in pieces and with overlap', async (t) => {
  const { a, b, blocks } = await pair(t, 20)
  t.equal(await b.ledger.receive('a', blocks.slice(0, 8)), 8)
  t.equal(await b.ledger.receive('a', blocks.slice(4, 12)), 4, 'known ones are passed over')
  t.equal(await b.ledger.receive('a', blocks.slice(0, 12)), 0)
  t.equal(await b.ledger.receive('a', blocks.slice(12)), 8)
  t.equal(await b.ledger.receive('a', []), 0)
  t.strictSame(await chainOf(b, 'a'), blocks)
  t.strictSame(b.ledger.head('a'), a.ledger.head('a'))
  const head = await b.ledger.block('a', 20)
  t.equal(await b.ledger.payload(head?.payloadHash ?? new Uint8Array()), undefined, 'payloads stay with their node')
})

t.test('two answers with the same blocks at once store them once', async (t) => {
  const { b, blocks } = await pair(t, 10)
  const stored = await Promise.all([b.ledger.receive('a', blocks), b.ledger.receive('a', blocks)])
  t.equal(stored[0] + stored[1], 10)
  const report = await checkLedger({ nodeId: 'b', scope: 'full' }, { database: b.database })
  t.match(report, { problemCount: 0, blocksChecked: 10 })
})

t.test('what every node would refuse is rejected', async (t) => {
  const { b, blocks } = await pair(t, 5)
  const [one = new Uint8Array(), two = new Uint8Array(), three = new Uint8Array()] = blocks
  const rejected = (origin: string, sent: Uint8Array[], code: string) =>
    t.rejects(b.ledger.receive(origin, sent), { code, action: 'reject' }, code)
  await rejected('a', new Array(MAX_BLOCKS_PER_ANSWER + 1).fill(one), 'LEDGER_TOO_MANY_BLOCKS')
  await rejected('a', [new Uint8Array(1000)], 'LEDGER_BLOCK_TOO_LARGE')
  await rejected('a', [one, Uint8Array.of(1)], 'LEDGER_BLOCK_MALFORMED')
  await rejected('c', [one], 'LEDGER_BLOCK_ORIGIN')
  await rejected('a', [one, three], 'LEDGER_BLOCK_LINK')
  await rejected('a', [two, one], 'LEDGER_BLOCK_LINK')
  const broken = new Uint8Array(two)
  broken[broken.length - 1]! ^= 1
  await rejected('a', [one, broken, three], 'LEDGER_BLOCK_SIGNATURE')
  t.equal(b.ledger.head('a'), undefined, 'nothing of a bad answer is kept')
})

t.test('what another node might accept is ignored', async (t) => {
  const { b, blocks } = await pair(t, 5)
  const stranger = await block(1, new Uint8Array(32), 'x', otherKey)
  await t.rejects(b.ledger.receive('a', [stranger.bytes]), { code: 'LEDGER_KEY_UNKNOWN', action: 'ignore' })
  await t.rejects(b.ledger.receive('a', blocks.slice(2)), { code: 'LEDGER_BLOCK_GAP', action: 'ignore' })
})

t.test('a second block at one number is kept as a conflict, the first one stays', async (t) => {
  const { b, blocks } = await pair(t, 5)
  await b.ledger.receive('a', blocks)
  const third = await b.ledger.block('a', 3)
  const other = await block(3, third?.prev ?? new Uint8Array())
  const forged = await block(3, third?.prev ?? new Uint8Array(), 'not by a', otherKey)
  await t.rejects(b.ledger.receive('a', [forged.bytes]), { code: 'LEDGER_KEY_UNKNOWN' }, 'a liar makes no conflict')
  t.strictSame(b.conflicts, [])
  await t.rejects(b.ledger.receive('a', [other.bytes]), { code: 'LEDGER_BLOCK_CONFLICT', action: 'ignore' })
  await t.rejects(b.ledger.receive('a', [other.bytes]), { code: 'LEDGER_BLOCK_CONFLICT' })
  t.strictSame(b.conflicts, [{ origin: 'a', seq: 3, held: third, other }], 'one alarm')
  t.strictSame(await b.ledger.conflicts('a'), b.conflicts)
  t.strictSame(await b.ledger.block('a', 3), third)
  t.equal(b.ledger.head('a')?.seq, 5)
})

t.test('conflicts are bounded', async (t) => {
  const { b, blocks } = await pair(t, 1)
  await b.ledger.receive('a', blocks)
  for (let round = 0; round < MAX_CONFLICTS_PER_ORIGIN + 3; round += 1) {
    const other = await block(1, new Uint8Array(32), `other ${round}`)
    await t.rejects(b.ledger.receive('a', [other.bytes]), { code: 'LEDGER_BLOCK_CONFLICT' })
  }
  t.equal((await b.ledger.conflicts('a')).length, MAX_CONFLICTS_PER_ORIGIN)
  t.equal(b.conflicts.length, MAX_CONFLICTS_PER_ORIGIN)
})

t.test('a block that continues another chain leads to the place where they part', async (t) => {
  const { b, blocks } = await pair(t, 5)
  await b.ledger.receive('a', blocks)
  const fourth = await b.ledger.block('a', 4)
  const otherFifth = await block(5, fourth?.id ?? new Uint8Array())
  const otherSixth = await block(6, otherFifth.id)
  const head = { origin: 'a', seq: 6, id: otherSixth.id }
  t.strictSame(await b.ledger.learn(head, { nodeId: 'c' }), {
    kind: 'new',
    want: { origin: 'a', fromSeq: 6, toSeq: 6 },
  })
  await t.rejects(b.ledger.receive('a', [otherSixth.bytes]), { code: 'LEDGER_BLOCK_DIVERGES', action: 'ignore' })
  const lookBack = { origin: 'a', fromSeq: 1, toSeq: 5, compare: true }
  t.strictSame(await b.ledger.learn(head, { nodeId: 'c' }), { kind: 'new', want: lookBack }, 'looks back')
  const answer = [...blocks.slice(0, 4), otherFifth.bytes]
  await t.rejects(b.ledger.receive('a', answer), { code: 'LEDGER_BLOCK_CONFLICT' })
  t.match(b.conflicts, [{ origin: 'a', seq: 5, other: { id: otherFifth.id } }])
})

t.test('announced heads lead to what is missing', async (t) => {
  const { a, b, blocks } = await pair(t, 5)
  const head = a.ledger.head('a')
  if (head === undefined) throw new Error('a head')
  t.strictSame(await b.ledger.learn(head, from), { kind: 'new', want: { origin: 'a', fromSeq: 1, toSeq: 5 } })
  await b.ledger.receive('a', blocks.slice(0, 3))
  t.strictSame(await b.ledger.learn(head, from), { kind: 'new', want: { origin: 'a', fromSeq: 4, toSeq: 5 } })
  await b.ledger.receive('a', blocks.slice(3))
  t.strictSame(await b.ledger.learn(head, from), { kind: 'known' })
  const third = { origin: 'a', seq: 3, id: (await b.ledger.block('a', 3))?.id ?? new Uint8Array() }
  t.strictSame(await b.ledger.learn(third, from), { kind: 'known' }, 'an old head is no news')
  const lie = { origin: 'a', seq: 2, id: new Uint8Array(32).fill(1) }
  const other = { origin: 'a', fromSeq: 2, toSeq: 2, compare: true }
  t.strictSame(await b.ledger.learn(lie, from), { kind: 'new', want: other }, 'a fork or a lie: fetch it')
  for (const wrong of [
    { ...head, origin: 'A' },
    { ...head, seq: 0 },
    { ...head, seq: 1.5 },
    { ...head, id: lie.id.slice(1) },
  ]) {
    await t.rejects(b.ledger.learn(wrong, from), { code: 'LEDGER_HEAD_MALFORMED', action: 'reject' })
  }
})

t.test('keeping only its own chain, a node remembers what each origin said of itself', async (t) => {
  const root = t.testdir()
  const b = await openNode({ path: root, nodeId: 'b', deviceKey: keys.b, keys, keep: 'own' })
  const head = { origin: 'a', seq: 7, id: new Uint8Array(32).fill(1) }
  t.strictSame(await b.ledger.learn({ ...head, seq: 2 ** 50 }, { nodeId: 'c' }), { kind: 'new' })
  t.strictSame(b.ledger.heads(), [], 'hearsay is not remembered')
  t.strictSame(await b.ledger.learn(head, from), { kind: 'new' }, 'and nothing is fetched')
  t.strictSame(await b.ledger.learn(head, from), { kind: 'known' }, 'once')
  t.strictSame(await b.ledger.learn({ ...head, seq: 3 }, { nodeId: 'c' }), { kind: 'known' }, 'old hearsay')
  await b.ledger.learn({ ...head, seq: 3 }, from)
  t.strictSame(b.ledger.heads(), [head], 'the highest')
  const one = await block(1, new Uint8Array(32))
  await t.rejects(b.ledger.receive('a', [one.bytes]), { code: 'LEDGER_NOT_KEPT', action: 'ignore' })
  await b.database.close()
  const again = await open(t, 'b', { path: root, keep: 'own' })
  t.strictSame(again.ledger.heads(), [head], 'also after a restart')
})

t.test('remembered origins are bounded', async (t) => {
  const b = await open(t, 'b', { keep: 'own' })
  const id = new Uint8Array(32).fill(1)
  const learn = (origin: string) => b.ledger.learn({ origin, seq: 1, id }, { nodeId: origin })
  for (let from = 0; from < MAX_ORIGINS; from += 32) {
    await Promise.all(Array.from({ length: 32 }, (_, index) => learn(`n${from + index}`)))
  }
  await t.rejects(learn('one-more'), { code: 'LEDGER_ORIGINS_FULL', action: 'ignore' })
  t.equal(b.ledger.heads().length, MAX_ORIGINS)
})

t.test('a restored backup gets its own tail back, and says of its payloads that it never had them', async (t) => {
  const root = t.testdir()
  const a = await open(t, 'a', { path: `${root}/a` })
  const b = await open(t, 'b', { path: `${root}/b` })
  await append(a, 'one', 'two', 'three')
  await b.ledger.receive('a', await chainOf(a, 'a'))
  const restored = await open(t, 'a', { path: `${root}/backup` })
  const decision = await restored.ledger.judgeOwnHead([{ from: 'b', head: b.ledger.head('a') }])
  t.match(decision, { kind: 'behind', fromSeq: 1, head: { seq: 3 }, peers: ['b'] })
  t.equal(await restored.ledger.receive('a', await chainOf(b, 'a')), 3)
  t.match(await restored.ledger.judgeOwnHead([{ from: 'b', head: b.ledger.head('a') }]), { kind: 'same' })
  t.equal((await append(restored, 'four'))[0]?.seq, 4)
  const report = await checkLedger({ nodeId: 'a', scope: 'full' }, { database: restored.database })
  t.strictSame(report.problems, [])
})

t.test('the port turns errors into verdicts', async (t) => {
  const { a, b, blocks } = await pair(t, 3)
  const seen: unknown[] = []
  const port: ChainPort = ledgerPort(b.ledger, (error) => seen.push(error))
  const sender = { road: 'catch-up', nodeId: 'a' } as const
  const start = { origin: 'a', fromSeq: 1 }
  const head = a.ledger.head('a')
  if (head === undefined) throw new Error('a head')
  t.match(await port.learn(head, sender), { kind: 'new', want: { fromSeq: 1, toSeq: 3 } })
  t.equal(await port.receive({ origin: 'a', fromSeq: 2 }, blocks.slice(1), sender), 'ignore')
  t.equal(await port.receive(start, [Uint8Array.of(0)], sender), 'reject')
  t.equal(await port.receive(start, blocks.slice(1), sender), 'reject', 'it begins elsewhere')
  t.equal(await port.receive(start, blocks, sender), 'accept')
  t.equal(await port.receive({ origin: 'a', fromSeq: 4 }, blocks.slice(0, 1), sender), 'reject', 'no step back')
  t.strictSame(await port.read('a', 2, 1), [blocks[1]])
  t.strictSame(await port.heads(), [head])
  t.strictSame(await port.learn({ ...head, seq: -1 }, sender), { kind: 'malformed' })
  const codes = seen.map((error) => (error as { code: string }).code)
  const refused = ['LEDGER_BLOCK_MALFORMED', 'LEDGER_BLOCK_LINK', 'LEDGER_BLOCK_LINK', 'LEDGER_HEAD_MALFORMED']
  t.strictSame(codes, ['LEDGER_BLOCK_GAP', ...refused])
})

t.test('blocks in any pieces and order end in the same chain or a catalogued refusal', async (t) => {
  const { b, blocks } = await pair(t, 40)
  const random = new SimulatedRandom(11)
  while ((b.ledger.head('a')?.seq ?? 0) < 40) {
    const start = randomBelow(random, 40)
    const piece = blocks.slice(start, start + 1 + randomBelow(random, 10))
    await b.ledger.receive('a', piece).catch((error) => t.match(error, { code: 'LEDGER_BLOCK_GAP' }))
  }
  t.strictSame(await chainOf(b, 'a'), blocks)
})
