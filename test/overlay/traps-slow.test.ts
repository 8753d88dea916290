import { gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { MAX_GOSSIP_RPC_BYTES } from '../../overlay/limits.ts'
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

t.jobs = 3

t.test(
  'trap: an RPC above the cap removes the peer from gossip, and the overlay takes it in again',
  { buffered: true },
  async (t) => {
    const a = await startNode(t, 'a')
    const b = await startHost(t, 'b', { gossip: gossipsub({ globalSignaturePolicy: StrictNoSign }) })
    const lost: string[] = []
    a.overlay.on('gossipLost', (peer) => lost.push(peer.nodeId))
    const connection = await b.dial(multiaddr(a.address()))
    await until(() => a.overlay.peers().length === 1, 'connected')
    const stream = await gossipStream(connection)
    stream.send(rpcOf(makeRecord('small')))
    await until(() => a.records.held.size === 1, 'the stream works')
    stream.send(rpcOf(new Uint8Array(MAX_GOSSIP_RPC_BYTES + 1)))
    await until(() => lost.length > 0, 'the loss was seen', 12_000)
    t.same(lost[0], 'b')
    t.ok(a.overlay.state().gossipRejoins > 0)
    await until(() => a.overlay.state().missingInGossip === 0, 'b is back in gossip', 12_000)
    const again = await gossipStream(connection)
    again.send(rpcOf(makeRecord('after')))
    await until(() => a.records.held.size === 2, 'gossip flows again')
  },
)

t.test(
  'trap: a verdict later than the message cache forwards nothing; peers are told to compare',
  { buffered: true },
  async (t) => {
    const a = await startNode(t, 'a')
    const b = await startNode(t, 'b', { bootstrap: [a.address()] })
    const c = await startNode(t, 'c', { bootstrap: [b.address()] })
    await until(() => c.overlay.state().inGossip === 1 && b.overlay.state().inGossip === 2, 'in gossip')
    await until(() => c.overlay.state().sync.runs > 0, 'compared')
    b.records.judge = async () => {
      await new Promise((resolve) => setTimeout(resolve, 6_500))
      return 'accept' as const
    }
    const record = makeRecord('slowly judged')
    await a.overlay.publish(record, 'anomaly')
    await until(() => b.overlay.state().gossip.late === 1, 'late', 12_000)
    await until(() => c.records.held.size === 1, 'c has it by catch-up')
    t.equal(c.records.received[0]?.from.road, 'catch-up')
  },
)

t.test(
  'trap: an exception of the record side is `ignore`, and the record is fetched later',
  { buffered: true },
  async (t) => {
    const a = await startNode(t, 'a')
    const b = await startNode(t, 'b', { bootstrap: [a.address()] })
    await until(() => b.overlay.state().inGossip === 1 && a.overlay.state().inGossip === 1, 'in gossip')
    const roads: string[] = []
    b.records.judge = (_record, { road }) => {
      roads.push(road)
      if (roads.length <= 3) throw new Error('disk full')
      return 'accept' as const
    }
    const record = makeRecord('at a bad moment')
    a.records.keep(record)
    await a.overlay.publish(record, 'anomaly')
    await until(() => b.overlay.state().gossip.portFailures === 1, 'it failed live')
    await until(() => b.records.held.size === 1, 'held in the end', 14_000)
    t.same(roads, ['gossip', 'catch-up', 'catch-up', 'catch-up'], 'fetched again and again')
    const { gossip, sync } = b.overlay.state()
    t.equal(sync.portFailures, 2)
    t.equal(gossip.rejected + sync.recordsIgnored + sync.faults, 0, 'that says nothing of the record or the peer')
    t.equal(b.overlay.peers()[0]?.counts.rejected, 0)
  },
)
