import { spawn } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { randomBelow, SimulatedRandom, toHex } from '../../core/index.ts'
import { openDatabase, ROOM } from '../../core/store/index.ts'
import { checkLedger, encodeMicroblock, type LedgerReport } from '../../ledger/index.ts'
import { MAX_PROBLEMS } from '../../ledger/limits.ts'
import { placeKey } from '../../ledger/store/keys.ts'
import { logFiles } from '../core/level-log.ts'
import {
  append,
  BINDING,
  chainOf,
  deviceKey,
  forge,
  lookup,
  openNode,
  provider,
  sealer,
  type TestNode,
} from './support.ts'

const key = await deviceKey()
const otherKey = await deviceKey()

async function chainOfTwenty(path: string): Promise<TestNode> {
  const node = await openNode({ path, nodeId: 'a', deviceKey: key, keys: { a: key, b: otherKey } })
  for (let round = 0; round < 5; round += 1) await append(node, ...[0, 1, 2, 3].map((index) => `${round}.${index}`))
  return node
}

function full(node: TestNode): Promise<LedgerReport> {
  const signatures = { ...BINDING, provider, findKey: lookup({ a: key, b: otherKey }) }
  return checkLedger({ nodeId: 'a', scope: 'full' }, { database: node.database, sealer, signatures })
}

function kinds(report: LedgerReport): string[] {
  return report.problems.map(({ kind, seq }) => `${kind} ${seq}`)
}

t.test('a sound ledger has no problems; progress is told', async (t) => {
  const node = await chainOfTwenty(t.testdir())
  const steps: [number, number][] = []
  const report = await checkLedger(
    { nodeId: 'a', scope: 'quick', quickBlocks: 8, onProgress: (...step) => steps.push(step) },
    { database: node.database },
  )
  t.match(report, { problems: [], blocksChecked: 8, chainsChecked: 1 })
  t.strictSame(steps, [[8, 8]])
  t.match(await full(node), { problems: [], blocksChecked: 20 })
  await node.database.close()
  const empty = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: key })
  t.match(await full(empty), { problems: [], blocksChecked: 0 })
  await empty.database.close()
})

t.test('each kind of damage is named with its place', async (t) => {
  const damage: [string, (node: TestNode) => Promise<void>, string[]][] = [
    [
      'a lost block',
      (node) => node.database.commit([blocks(node).delete(placeKey('a', 7))]),
      ['block-missing 7', 'count-differs 20'],
    ],
    [
      'lost blocks at the end',
      (node) => node.database.commit([18, 19, 20].map((seq) => blocks(node).delete(placeKey('a', seq)))),
      ['block-missing 18', 'count-differs 20'],
    ],
    [
      'bytes that are no block',
      (node) => node.database.commit([blocks(node).put(placeKey('a', 7), Uint8Array.of(1))]),
      ['block-unreadable 7'],
    ],
    ['another block in its place', replace, ['link-broken 8', 'index-missing 7', 'payload-missing 7']],
    ['a block behind the head', behindHead, ['block-beyond-head 21']],
    [
      'a lost payload',
      async (node) => node.database.commit([payloads(node).delete((await node.ledger.block('a', 3))!.payloadHash)]),
      ['payload-missing 3'],
    ],
    [
      'a changed payload',
      async (node) =>
        node.database.commit([payloads(node).put((await node.ledger.block('a', 3))!.payloadHash, new Uint8Array(60))]),
      ['payload-broken 3'],
    ],
    [
      'a lost index entry',
      async (node) =>
        node.database.commit([node.database.room(ROOM.blocksById).delete((await node.ledger.block('a', 3))!.id)]),
      ['index-missing 3'],
    ],
    ['a wrong signature', resign, ['signature-wrong 20']],
    ['a signature by an unknown key', (node) => addTail(node, true), ['key-unknown 20']],
  ]
  for (const [what, harm, expected] of damage) {
    const node = await chainOfTwenty(t.testdir())
    await harm(node)
    const found = kinds(await full(node))
    for (const kind of expected) t.ok(found.includes(kind), `${what}: ${kind} in ${found}`)
    await node.database.close()
  }
})

const blocks = (node: TestNode) => node.database.room(ROOM.blocks)
const payloads = (node: TestNode) => node.database.room(ROOM.payloads)

async function replace(node: TestNode): Promise<void> {
  const held = (await node.ledger.block('a', 7))!
  const other = await forge(key, { ...held, payloadHash: new Uint8Array(32) })
  await node.database.commit([blocks(node).put(placeKey('a', 7), other.bytes)])
}

async function behindHead(node: TestNode): Promise<void> {
  const head = (await node.ledger.block('a', 20))!
  const stray = await forge(key, { ...head, seq: 21, prev: head.id })
  await node.database.commit([blocks(node).put(placeKey('a', 21), stray.bytes)])
}

async function resign(node: TestNode): Promise<void> {
  const head = (await node.ledger.block('a', 20))!
  const signature = head.signature.with(0, (head.signature[0] ?? 0) ^ 1)
  await node.database.commit([blocks(node).put(placeKey('a', 20), encodeMicroblock(head, signature))])
}

async function addTail(node: TestNode, stranger: boolean): Promise<void> {
  const head = (await node.ledger.block('a', 20))!
  const other = await forge(stranger ? otherKey : key, head)
  await node.database.commit([blocks(node).put(placeKey('a', 20), other.bytes)])
}

t.test('problems are listed up to a cap and all counted', async (t) => {
  const node = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: key })
  for (let round = 0; round < 5; round += 1) {
    const events = Array.from({ length: 250 }, (_, index) => ({
      payload: Uint8Array.of(round, index),
      eventType: 'ids_alert' as const,
    }))
    await node.ledger.append(events, ({ operations }) => node.database.commit(operations))
  }
  const found: Uint8Array[] = []
  for await (const hash of payloads(node).keys()) found.push(hash)
  await node.database.commit(found.map((hash) => payloads(node).delete(hash)))
  const report = await full(node)
  t.equal(report.problemCount, 1250)
  t.equal(report.problems.length, MAX_PROBLEMS)
  await node.database.close()
})

t.test('a head that is not there keeps the ledger closed', async (t) => {
  const path = t.testdir()
  const node = await chainOfTwenty(path)
  await node.database.commit([blocks(node).delete(placeKey('a', 20))])
  await node.database.close()
  await t.rejects(openNode({ path, nodeId: 'a', deviceKey: key }), {
    code: 'LEDGER_DAMAGED',
    hint: /docs\/operations\/node\.md/,
  })
})

t.test('a state that is not readable is damage, not a crash', async (t) => {
  const path = t.testdir()
  const node = await chainOfTwenty(path)
  await node.database.commit([node.database.room(ROOM.chainHeads).put(Buffer.from('a'), Uint8Array.of(1))])
  await t.rejects(full(node), { code: 'LEDGER_DAMAGED' })
  await node.database.close()
})

t.test(
  'one flipped bit anywhere in the log is noticed, or costs the end of the chain, which peers know of',
  async (t) => {
    const root = t.testdir()
    const node = await chainOfTwenty(join(root, 'whole'))
    const ids = (await node.ledger.blocks('a', 1, 20)).map((block) => toHex(block.id))
    const head = node.ledger.head('a')
    await node.database.close()
    const random = new SimulatedRandom(77)
    const outcomes = { unharmed: 0, noticed: 0, shortened: 0 }
    for (let round = 0; round < 40; round += 1) {
      const copy = join(root, `flip-${round}`)
      cpSync(join(root, 'whole'), copy, { recursive: true })
      const [log = ''] = logFiles(copy).slice(-1)
      const bytes = readFileSync(log)
      bytes[randomBelow(random, bytes.length)]! ^= 1 << randomBelow(random, 8)
      writeFileSync(log, bytes)
      outcomes[await outcomeOf(copy)] += 1
    }
    t.ok(outcomes.noticed + outcomes.shortened > 20, JSON.stringify(outcomes))

    async function outcomeOf(path: string): Promise<keyof typeof outcomes> {
      const database = await openDatabase(path).catch(() => undefined)
      if (database === undefined) return 'noticed'
      const report = await checkLedger({ nodeId: 'a', scope: 'quick' }, { database }).catch(() => undefined)
      await database.close()
      if (report === undefined || report.problemCount > 0) return 'noticed'
      const left = await openNode({ path, nodeId: 'a', deviceKey: key })
      const kept = (await left.ledger.blocks('a', 1, 20)).map((block) => toHex(block.id))
      t.strictSame(kept, ids.slice(0, kept.length), 'what is left is the chain')
      const decision = await left.ledger.judgeOwnHead([{ from: 'b', head }])
      await left.database.close()
      if (kept.length === 20) return 'unharmed'
      t.equal(decision.kind, 'behind', 'nothing may be appended before the tail is back')
      return 'shortened'
    }
  },
)

t.test('SIGKILL: every acknowledged block is there, the chain sound, and it goes on', async (t) => {
  const root = t.testdir()
  const keyFile = join(root, 'key')
  writeFileSync(keyFile, key.exportPrivate())
  const path = join(root, 'db')
  const child = spawn(process.execPath, [new URL('./children/appender.ts', import.meta.url).pathname, path, keyFile], {
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
    if (output.length > 20_000) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.once('close', resolve))
  const acknowledged = output.split('\n').slice(0, -1)
  t.ok(acknowledged.length > 200)
  const node = await openNode({ path, nodeId: 'a', deviceKey: key, keys: { a: key } })
  t.match(await full(node), { problems: [] })
  const held = new Map<string, boolean>()
  for await (const block of node.ledger.iterate('a')) held.set(`${block.seq} ${toHex(block.id)}`, true)
  t.strictSame(
    acknowledged.filter((line) => !held.has(line)),
    [],
    'nothing acknowledged is missing',
  )
  await append(node, 'after the crash')
  t.equal((await chainOf(node, 'a')).length, held.size + 1)
  await node.database.close()
})
