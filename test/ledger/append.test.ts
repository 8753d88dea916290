import { randomBytes } from 'node:crypto'
import t from 'tap'
import { CORE_ERRORS, utf8 } from '../../core/index.ts'
import { ROOM } from '../../core/store/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { checkLedger, MAX_EVENTS_PER_APPEND, MAX_PAYLOAD_BYTES, openLedger, signedBytesOf } from '../../ledger/index.ts'
import { MAX_STRAY_IDS, MAX_WAITING_APPENDS } from '../../ledger/limits.ts'
import { Serial } from '../../ledger/store/serial.ts'
import { append, BINDING, deviceKey, openNode, provider, sealer } from './support.ts'

const key = await deviceKey()

t.test('blocks are chained, signed and found again, payloads sealed', async (t) => {
  const node = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: key })
  t.equal(node.ledger.head('a'), undefined)
  const [first, second] = await append(node, 'one', 'two')
  const [third] = await append(node, 'three')
  if (!first || !second || !third) throw new Error('three blocks')
  t.strictSame([first.seq, second.seq, third.seq], [1, 2, 3])
  t.strictSame(first.prev, new Uint8Array(32))
  t.strictSame(second.prev, first.id)
  t.strictSame(third.prev, second.id)
  t.ok(await provider.verify(key.publicKey, signedBytesOf(BINDING)(third.id), third.signature))
  t.strictSame(node.ledger.head('a'), { origin: 'a', seq: 3, id: third.id })
  t.strictSame(await node.ledger.block('a', 2), second)
  t.strictSame(await node.ledger.blockById(second.id), second)
  t.strictSame(await node.ledger.blocks('a', 2, 10), [second, third])
  t.strictSame(await node.ledger.read('a', 1, 2), [first.bytes, second.bytes])
  t.strictSame(await node.ledger.payload(sha256(utf8('two'))), utf8('two'))
  t.equal(node.ledger.blockState('a', 3), 'provisional')
  const sealed = await node.database.room(ROOM.payloads).get(sha256(utf8('two')))
  t.notOk(Buffer.from(sealed ?? []).includes('two'), 'not readable on disk')
  await node.database.close()
})

t.test('what is not there is undefined or empty', async (t) => {
  const { ledger, database } = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: key })
  for (const seq of [0, 1, -1, 1.5, Number.NaN]) t.equal(await ledger.block('a', seq), undefined)
  t.equal(await ledger.blockById(new Uint8Array(32)), undefined)
  t.equal(await ledger.payload(new Uint8Array(32)), undefined)
  t.equal(ledger.blockState('a', 1), undefined)
  t.strictSame(ledger.heads(), [])
  t.strictSame(await ledger.read('a', 1, 10), [])
  t.strictSame(await ledger.conflicts('a'), [])
  await database.close()
})

t.test('the chain goes on after a restart', async (t) => {
  const path = t.testdir()
  const before = await openNode({ path, nodeId: 'a', deviceKey: key })
  const [first] = await append(before, 'one')
  await before.database.close()
  const after = await openNode({ path, nodeId: 'a', deviceKey: key })
  const [second] = await append(after, 'two')
  t.equal(second?.seq, 2)
  t.strictSame(second?.prev, first?.id)
  await after.database.close()
})

t.test('appends at once take turns', async (t) => {
  const node = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: key })
  await Promise.all(Array.from({ length: 20 }, (_, index) => append(node, `a${index}`, `b${index}`)))
  t.equal(node.ledger.head('a')?.seq, 40)
  const report = await checkLedger({ nodeId: 'a', scope: 'full' }, { database: node.database, sealer })
  t.match(report, { problemCount: 0, blocksChecked: 40 })
  await node.database.close()
})

t.test('a commit that fails leaves the head where it was', async (t) => {
  const node = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: key })
  await append(node, 'one')
  const refusal = CORE_ERRORS.create('CORE_STORE_WRITE')
  const events = ['x', 'y', 'z'].map((text) => ({ payload: utf8(text), eventType: 'mitigation' as const }))
  const failed = node.ledger.append(events, () => Promise.reject(refusal))
  const next = append(node, 'two')
  await t.rejects(failed, { code: 'CORE_STORE_WRITE' })
  t.equal((await next)[0]?.seq, 2, 'the number is used once')
  t.equal(node.ledger.head('a')?.seq, 2)
  await node.database.close()
})

t.test('blocks of a refused write that reached the disk all the same are never part of the chain', async (t) => {
  const node = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: key })
  await append(node, 'one')
  const events = ['x', 'y', 'z'].map((text) => ({ payload: utf8(text), eventType: 'mitigation' as const }))
  let strays: readonly { id: Uint8Array }[] = []
  const failed = node.ledger.append(events, async ({ blocks, operations }) => {
    strays = blocks
    await node.database.commit(operations)
    throw CORE_ERRORS.create('CORE_STORE_WRITE')
  })
  await t.rejects(failed, { code: 'CORE_STORE_WRITE' })
  t.equal(await node.ledger.block('a', 2), undefined)
  t.equal(await node.ledger.blockById(strays[2]?.id ?? new Uint8Array()), undefined)
  t.equal((await node.ledger.read('a', 1, 10)).length, 1)
  await append(node, 'two')
  const report = await checkLedger({ nodeId: 'a', scope: 'full' }, { database: node.database, sealer })
  t.strictSame(report.problems, [], 'the next commit clears them')
  t.equal(node.ledger.head('a')?.seq, 2)
  await node.database.close()
})

t.test('what failed commits left is cleared however many there were', async (t) => {
  const node = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: key })
  const attempt = (count: number) => {
    const event = { payload: utf8('x'), eventType: 'mitigation' as const }
    return node.ledger.append(new Array(count).fill(event), async ({ operations }) => {
      await node.database.commit(operations)
      throw CORE_ERRORS.create('CORE_STORE_WRITE')
    })
  }
  for (const count of [200, ...new Array(MAX_STRAY_IDS / 64 + 1).fill(64)]) {
    await node.clock.advance(1)
    await t.rejects(attempt(count), { code: 'CORE_STORE_WRITE' })
  }
  await append(node, 'one')
  const report = await checkLedger({ nodeId: 'a', scope: 'full' }, { database: node.database, sealer })
  t.match(report, { problems: [], blocksChecked: 1 })
  await node.database.close()
})

t.test('caps', async (t) => {
  const node = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: key })
  const event = { payload: new Uint8Array(), eventType: 'ids_alert' as const }
  const commit = () => Promise.resolve()
  await t.rejects(node.ledger.append([], commit), TypeError)
  await t.rejects(node.ledger.append(new Array(MAX_EVENTS_PER_APPEND + 1).fill(event), commit), TypeError)
  const large = { ...event, payload: new Uint8Array(MAX_PAYLOAD_BYTES + 1) }
  await t.rejects(node.ledger.append([large], commit), { code: 'LEDGER_PAYLOAD_TOO_LARGE' })
  const fits = { ...event, payload: new Uint8Array(randomBytes(MAX_PAYLOAD_BYTES)) }
  const [block] = await node.ledger.append([event, fits], ({ operations }) => node.database.commit(operations))
  t.strictSame(await node.ledger.payload(sha256(fits.payload)), fits.payload)
  t.strictSame(
    await node.ledger.payload(block?.payloadHash ?? new Uint8Array()),
    new Uint8Array(),
    'empty is a payload',
  )
  const { promise: until, resolve: release } = Promise.withResolvers<void>()
  const held = node.ledger.append([event], () => until)
  const waiting = Array.from({ length: MAX_WAITING_APPENDS - 1 }, () => append(node, 'waits'))
  await t.rejects(append(node, 'one too many'), { code: 'LEDGER_BUSY' })
  release()
  await Promise.all([held, ...waiting])
  await node.database.close()
})

t.test('turns are bounded, and go on after a failure', async (t) => {
  const turns = new Serial(2)
  const { promise: until, resolve: release } = Promise.withResolvers<void>()
  const first = turns.run(() => until.then(() => Promise.reject(new Error('first'))))
  const second = turns.run(async () => 'second')
  await t.rejects(
    turns.run(async () => 'third'),
    { code: 'LEDGER_BUSY' },
  )
  release()
  await t.rejects(first, /first/)
  t.equal(await second, 'second')
  t.equal(await turns.run(async () => 'fourth'), 'fourth')
})

t.test('wrong options are a programmer’s mistake', async (t) => {
  const node = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: key })
  const parts = { database: node.database, sealer, provider, clock: node.clock, findKey: async () => undefined }
  await t.rejects(openLedger({ ...BINDING, nodeId: 'A' }, { ...parts, deviceKey: key }), TypeError)
  await t.rejects(openLedger({ ...BINDING, nodeId: 'a', kep: 'own' } as never, { ...parts, deviceKey: key }), TypeError)
  const quantum = await provider.generate('ml-dsa-65')
  await t.rejects(openLedger({ ...BINDING, nodeId: 'a' }, { ...parts, deviceKey: quantum }), TypeError)
  await node.database.close()
})

t.test('every classical suite signs blocks', async (t) => {
  for (const suite of ['ecdsa-p256', 'ecdsa-p384'] as const) {
    const node = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: await deviceKey(suite) })
    const [block] = await append(node, 'one')
    t.equal(block?.signature.length, suite === 'ecdsa-p256' ? 64 : 96)
    await node.database.close()
  }
})
