import type { Stream } from '@libp2p/interface'
import t from 'tap'
import { SimulatedClock } from '../../../core/index.ts'
import { Backlog, GossipWatch } from '../../../overlay/gossip/index.ts'

function setUp() {
  const clock = new SimulatedClock()
  const inGossip = new Set(['p'])
  const did: string[] = []
  const watch = new GossipWatch(
    { intervalMs: 2_000, graceMs: 4_000 },
    {
      clock,
      peerKeys: () => ['p'],
      inGossip: (key) => inGossip.has(key),
      rejoin: (key) => did.push(`rejoin ${key}`),
      hangUp: (key) => did.push(`hang up ${key}`),
      recovered: (key) => did.push(`recovered ${key}`),
    },
  )
  watch.start()
  return { clock, inGossip, did, watch }
}

t.test('a peer that is missing for a moment is left alone', async (t) => {
  const { clock, inGossip, did, watch } = setUp()
  inGossip.clear()
  await clock.advance(4_000)
  inGossip.add('p')
  await clock.advance(10_000)
  t.same(did, [])
  t.equal(watch.missing, 0)
  watch.stop()
  t.equal(clock.pendingTimers, 0)
})

t.test('a missing peer is taken in again, and compared with when it is back', async (t) => {
  const { clock, inGossip, did, watch } = setUp()
  inGossip.clear()
  await clock.advance(6_000)
  t.same(did, ['rejoin p'])
  t.equal(watch.missing, 1)
  inGossip.add('p')
  await clock.advance(2_000)
  t.same(did, ['rejoin p', 'recovered p'])
  watch.stop()
})

t.test('when that does not help, the connection is closed', async (t) => {
  const { clock, inGossip, did, watch } = setUp()
  inGossip.clear()
  await clock.advance(15_000)
  t.same(did, ['rejoin p', 'rejoin p', 'hang up p'])
  watch.stop()
})

t.test('senders wait for a peer that reads, and not for one that does not', async (t) => {
  const clock = new SimulatedClock()
  const stream = { writeBufferLength: 2_000 }
  const backlog = new Backlog(
    { highWaterBytes: 1_000, maxWaitMs: 250 },
    { clock, streams: () => [['p', stream as unknown as Stream]] },
  )
  let done = false
  const first = backlog.room().then(() => {
    done = true
  })
  await clock.advance(100)
  t.notOk(done, 'held up')
  stream.writeBufferLength = 500
  await clock.advance(10)
  t.ok(done)
  stream.writeBufferLength = 2_000
  const second = backlog.room()
  await clock.advance(300)
  await second
  await backlog.room()
  t.equal(clock.pendingTimers, 0, 'a slow peer holds up once')
  stream.writeBufferLength = 0
  await backlog.room()
  stream.writeBufferLength = 2_000
  const third = backlog.room()
  t.equal(clock.pendingTimers, 1, 'and is trusted again when it has caught up')
  await clock.advance(300)
  await Promise.all([first, third])
})
