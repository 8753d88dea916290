import t from 'tap'
import { uintBytes } from '../../../core/index.ts'
import { BoundedMessageCache } from '../../../overlay/gossip/message-cache.ts'

const TOPIC = '/dadm-mesh/north-grid/anomaly/1'

function setUp(options: { maxBytes?: number; maxOffers?: number; maxAnswerBytes?: number } = {}) {
  const cache = new BoundedMessageCache({
    heartbeats: 5,
    offeredHeartbeats: 3,
    maxBytes: 10_000,
    maxOffers: 10,
    maxAnswerBytes: 2_500,
    ...options,
  })
  const put = (name: string, validated = true, bytes = 1_000) =>
    cache.put(
      { msgIdStr: name, msgId: uintBytes(Number(name)) },
      { topic: TOPIC, data: new Uint8Array(bytes) },
      validated,
    )
  return { cache, put }
}

t.test('a message lives for five heartbeats and is offered in three', async (t) => {
  const { cache, put } = setUp()
  t.ok(put('1'))
  t.notOk(put('1'), 'once')
  for (let beat = 0; beat < 5; beat += 1) {
    t.equal(cache.getGossipIDs(new Set([TOPIC])).get(TOPIC)?.length ?? 0, beat < 3 ? 1 : 0, `beat ${beat}`)
    t.ok(cache.has('1'))
    cache.shift()
  }
  t.notOk(cache.has('1'))
  t.equal(cache.validate('1'), null)
  t.equal(cache.bytes, 0)
})

t.test('the oldest messages make room', async (t) => {
  const { cache, put } = setUp()
  for (let at = 0; at < 15; at += 1) put(`${at}`)
  t.equal(cache.size, 10)
  t.equal(cache.bytes, 10_000)
  t.notOk(cache.has('4'))
  t.ok(cache.has('5'))
  t.ok(cache.msgs.has('5'))
})

t.test('one peer is sent only so much per heartbeat, so that no RPC can be too large', async (t) => {
  const { cache, put } = setUp()
  for (let at = 0; at < 5; at += 1) put(`${at}`)
  const ask = (peer: string) => [0, 1, 2, 3, 4].filter((at) => cache.getWithIWantCount(`${at}`, peer) !== null).length
  t.equal(ask('p'), 2)
  t.equal(ask('q'), 2, 'each peer has its own')
  t.equal(ask('p'), 0)
  cache.shift()
  t.equal(ask('p'), 2)
  t.equal(cache.getWithIWantCount('0', 'r')?.count, 1)
})

t.test('offers are few, the newest first, and only of what was judged', async (t) => {
  const { cache, put } = setUp({ maxBytes: 100_000, maxOffers: 3 })
  put('1')
  put('2', false)
  cache.shift()
  for (const name of ['3', '4', '5']) put(name)
  const offered = cache.getGossipIDs(new Set([TOPIC])).get(TOPIC)
  t.same(offered, [uintBytes(3), uintBytes(4), uintBytes(5)])
  t.equal(cache.getWithIWantCount('2', 'p'), null, 'nor is it handed out')
  t.equal(cache.notValidatedCount, 1)
  t.equal(cache.getGossipIDs(new Set(['/other'])).size, 0)
})

t.test('only topic and data are kept', async (t) => {
  const { cache } = setUp()
  const message = { topic: TOPIC, data: uintBytes(1), from: new Uint8Array(900_000) }
  cache.put({ msgIdStr: '1', msgId: uintBytes(1) }, message)
  cache.observeDuplicate('1', 'q')
  const validated = cache.validate('1')
  t.same(validated?.message, { topic: TOPIC, data: uintBytes(1) })
  t.same(validated?.originatingPeers, new Set(['q']))
  t.same(cache.validate('1')?.originatingPeers, new Set())
  t.ok(cache.remove('1'))
  t.equal(cache.remove('1'), null)
  t.equal(cache.bytes, 0)
})
