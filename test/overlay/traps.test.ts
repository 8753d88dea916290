import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { MAX_GOSSIP_RPC_BYTES } from '../../overlay/limits.ts'
import { MAX_RECORD_BYTES } from '../../records/index.ts'
import { makeRecord, rpcFrame, startHost, startNode, until } from './harness.ts'

const TOPIC = '/dadm-mesh/north-grid/anomaly/1'

/** A gossip RPC with one message. */
function rpcOf(data: Uint8Array, from?: Uint8Array): Uint8Array {
  const message = { topic: TOPIC, data, ...(from === undefined ? {} : { from }) }
  return rpcFrame({ messages: [message] })
}

/** Opens a gossip stream as gossipsub would and writes to it directly. */
async function gossipStream(connection: Connection) {
  return connection.newStream(['/meshsub/1.2.0', '/meshsub/1.1.0'])
}

t.test('trap: bytes in the unused `from` field are not passed on', async (t) => {
  const b = await startNode(t, 'b')
  const c = await startNode(t, 'c', { bootstrap: [b.address()] })
  const a = await startHost(t, 'a')
  await until(() => c.overlay.peers().length === 1, 'connected')
  const stream = await gossipStream(await a.dial(multiaddr(b.address())))
  stream.send(rpcOf(makeRecord('padded'), new Uint8Array(MAX_GOSSIP_RPC_BYTES - 4_096)))
  await until(() => c.records.held.size === 1, 'the record came through without its padding')
  t.equal(c.overlay.state().gossipRejoins, 0)
})

t.test('trap: a message above the record cap is rejected before the record side sees it', async (t) => {
  const a = await startNode(t, 'a')
  const b = await startHost(t, 'b')
  const stream = await gossipStream(await b.dial(multiaddr(a.address())))
  stream.send(rpcOf(new Uint8Array(MAX_RECORD_BYTES + 1)))
  await until(() => a.overlay.state().gossip.rejected === 1, 'rejected')
  t.equal(a.records.received.length, 0)
  t.equal(a.overlay.peers()[0]?.counts.rejected, 1, 'held against the peer')
  await t.rejects(a.overlay.publish(new Uint8Array(MAX_RECORD_BYTES + 1), 'anomaly'), {
    code: 'OVERLAY_RECORD_TOO_LARGE',
  })
})

t.test('trap: a publish that reached nobody is in the seen-cache, and arrives all the same', async (t) => {
  const a = await startNode(t, 'a')
  const record = makeRecord('said to nobody')
  a.records.keep(record)
  t.equal(await a.overlay.publish(record, 'anomaly'), 0)
  const b = await startNode(t, 'b', { bootstrap: [a.address()] })
  await until(() => b.overlay.peers().length === 1, 'connected')
  const early = makeRecord('said before gossip with b had begun')
  a.records.keep(early)
  await a.overlay.publish(early, 'anomaly')
  await a.overlay.publish(early, 'anomaly')
  await until(() => b.records.held.size === 2, 'b has both')
  t.ok(a.overlay.state().gossip.publishShortfalls > 0, 'the shortfall was counted')
})

t.test('trap: `recipients` counts sends, not receipts', async (t) => {
  const a = await startNode(t, 'a')
  const b = await startNode(t, 'b', { bootstrap: [a.address()] })
  b.records.judge = () => 'ignore'
  await until(() => b.overlay.state().inGossip === 1 && a.overlay.state().inGossip === 1, 'in gossip')
  t.equal(await a.overlay.publish(makeRecord('ignored by b'), 'anomaly'), 1, 'written to b')
  await until(() => b.records.received.length === 1, 'judged')
  t.equal(b.records.held.size, 0, 'a write says nothing of what became of it')
})

t.test('trap: messages come before they are judged; nothing is passed on before the verdict', async (t) => {
  const a = await startNode(t, 'a')
  const b = await startNode(t, 'b', { bootstrap: [a.address()] })
  const c = await startNode(t, 'c', { bootstrap: [b.address()] })
  await until(() => c.overlay.state().inGossip === 1 && b.overlay.state().inGossip === 2, 'in gossip')
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  b.records.judge = async () => {
    await gate
    return 'accept' as const
  }
  const record = makeRecord('waits')
  a.records.keep(record)
  await a.overlay.publish(record, 'anomaly')
  await until(() => b.records.received.length === 1, 'b is judging')
  await new Promise((resolve) => setTimeout(resolve, 150))
  t.equal(c.records.received.length, 0, 'c was not told yet')
  release()
  await until(() => c.records.held.size === 1, 'c was told after the verdict')
})

t.test('trap: ten nodes on one address connect at once', async (t) => {
  const first = await startNode(t, 'n0')
  const others = await Promise.all(
    Array.from({ length: 9 }, (_, at) => startNode(t, `n${at + 1}`, { bootstrap: [first.address()] })),
  )
  await until(() => first.overlay.peers().length === 9, 'all nine are connected', 5_000)
  const record = makeRecord('to all')
  first.records.keep(record)
  await first.overlay.publish(record, 'anomaly')
  await until(() => others.every((node) => node.records.held.size === 1), 'all have it')
  t.equal(first.overlay.state().refusals, 0)
})

t.test('trap: identify starts at connection:open, so who is not admitted must be gone by then', async (t) => {
  const a = await startNode(t, 'a', { judge: () => undefined })
  const b = await startHost(t, 'b')
  let identified = 0
  b.addEventListener('peer:identify', () => {
    identified += 1
  })
  const connection = await b.dial(multiaddr(a.address())).catch(() => undefined)
  await until(() => connection === undefined || connection.status !== 'open', 'closed')
  await until(() => a.overlay.state().refusals > 0, 'refusal reported')
  t.equal(a.overlay.peers().length, 0)
  t.equal(identified, 0)
})
