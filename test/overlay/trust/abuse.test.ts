import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { SimulatedClock, SimulatedRandom, silentLogger, uintBytes } from '../../../core/index.ts'
import { TRUST_PROTOCOL } from '../../../overlay/index.ts'
import {
  MAX_FETCHED_LIST_BYTES,
  MAX_TRUST_FRAME_BYTES,
  MAX_TRUST_REQUESTS_PER_STREAM,
  MAX_TRUST_STREAMS_PER_PEER,
} from '../../../overlay/limits.ts'
import { encodeRequest } from '../../../overlay/trust/codec.ts'
import { Fetcher } from '../../../overlay/trust/fetcher.ts'
import type { Wish } from '../../../overlay/trust/wishes.ts'
import { startHost, until } from '../harness.ts'
import { announcementOf, ask, makeList, openTrust, startTrustNode } from './support.ts'

t.test('an oversized announcement is refused, and so is an oversized frame', async (t) => {
  const victim = await startTrustNode(t, 'victim')
  const insider = await startHost(t, 'insider')
  const connection = await insider.dial(multiaddr(victim.address()))
  const list = announcementOf(makeList(1))
  const refused = { kind: 'refusal', reason: 'malformed' }
  const huge = { ...list, sizeBytes: 16 * 1024 * 1024 + 1 }
  t.same(await ask(await openTrust(insider), { kind: 'announce', lists: [huge] }), refused)
  const many = Array.from({ length: 17 }, (_, at) => ({ ...list, number: BigInt(at) }))
  t.same(await ask(await openTrust(insider), { kind: 'announce', lists: many }), refused)
  const stream = await connection.newStream(TRUST_PROTOCOL)
  const closed = new Promise((resolve) => stream.addEventListener('close', resolve, { once: true }))
  stream.send(uintBytes(MAX_TRUST_FRAME_BYTES + 1, 4))
  await closed
  t.equal(victim.trust.asked, 0, 'nothing of it was looked at')
  t.equal(victim.overlay.peers().length, 1, 'the connection stands')
})

t.test('a flood of announcements is slowed down, and costs next to nothing', async (t) => {
  const victim = await startTrustNode(t, 'victim')
  const insider = await startHost(t, 'insider')
  await insider.dial(multiaddr(victim.address()))
  let told = 0
  const flood = async () => {
    const frames = await openTrust(insider)
    for (let number = 1; number < 2_000; number += 1) {
      const answer = await ask(frames, { kind: 'announce', lists: [announcementOf(makeList(number))] })
      if (answer.kind === 'refusal') return
      told += 1
    }
  }
  void flood().catch(() => {})
  await until(() => told > 900, 'the first thousand pass')
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.ok(told < 1_400, `${told} were answered`)
  t.ok(victim.trust.asked <= told + 5, 'one look for each at most')
  t.equal(victim.overlay.peers()[0]?.lists.length, 1, 'the last one counts')
  const honest = await startTrustNode(t, 'honest', { bootstrap: [victim.address()] })
  honest.trust.apply(makeList(3_000))
  await until(() => victim.trust.number === 3_000, 'others are heard')
})

t.test('a peer has so many streams, and a stream so many requests', async (t) => {
  const victim = await startTrustNode(t, 'victim')
  const insider = await startHost(t, 'insider')
  const connection = await insider.dial(multiaddr(victim.address()))
  const streams: Stream[] = []
  for (let count = 0; count < MAX_TRUST_STREAMS_PER_PEER + 3; count += 1) {
    streams.push(await connection.newStream(TRUST_PROTOCOL))
  }
  await until(
    () => streams.filter(({ status }) => status === 'open').length <= MAX_TRUST_STREAMS_PER_PEER,
    'the others are closed',
  )
  for (const stream of streams) stream.abort(new Error('done'))
  const frames = await openTrust(insider)
  const request = encodeRequest({ kind: 'key', epoch: 1 })
  let answered = 0
  for (; answered < MAX_TRUST_REQUESTS_PER_STREAM; answered += 1) {
    await frames.write(request)
    await frames.read()
  }
  t.equal(await frames.read(), undefined, 'the stream ends')
})

/** A fetcher over a simulated clock, whose streams never open. */
function setUp(wishes: ReadonlyMap<string, readonly Wish[]>) {
  const clock = new SimulatedClock()
  const opened: string[] = []
  const fetcher = new Fetcher(
    { answerTimeoutMs: 5_000, budget: { burstBytes: 2 ** 40, bytesPerSecond: 2 ** 30 } },
    {
      ...{ clock, random: new SimulatedRandom(1), logger: silentLogger() },
      openStream: (key) => {
        opened.push(key)
        return new Promise(() => {})
      },
      wishes: (key) => wishes.get(key) ?? [],
    },
  )
  for (const key of wishes.keys()) fetcher.add(key)
  return { clock, opened, fetcher }
}

const wish = (id: string, sizeBytes = 1): Wish => ({ id, sizeBytes, isUnique: true, fetch: async () => 'accept' })

t.test('a list comes from one peer at a time, and from another beside one that takes long', async (t) => {
  const { clock, opened, fetcher } = setUp(
    new Map([
      ['a', [wish('x')]],
      ['b', [wish('x'), wish('y')]],
      ['c', [wish('x')]],
    ]),
  )
  await clock.advance(1)
  t.same(opened, ['a', 'b'], 'b gives the other one')
  await clock.advance(4_000)
  t.same(opened, ['a', 'b'])
  await clock.advance(2_000)
  t.same(opened, ['a', 'b', 'c'])
  fetcher.remove('a')
  fetcher.stop()
  t.equal(clock.pendingTimers, 0)
})

t.test('lists that are being fetched stay below a size in all', async (t) => {
  const size = MAX_FETCHED_LIST_BYTES / 4
  const wishes = new Map(Array.from({ length: 6 }, (_, at) => [`${at}`, [wish(`list ${at}`, size)]] as const))
  const { clock, opened, fetcher } = setUp(wishes)
  await clock.advance(1_000)
  t.equal(opened.length, 4)
  fetcher.remove('0')
  await clock.advance(1)
  t.equal(opened.length, 5, 'what ends makes room')
  fetcher.stop()
})

t.test('after a fault a peer is left alone, also when it reconnects', async (t) => {
  const { clock, opened, fetcher } = setUp(new Map([['a', []]]))
  fetcher.punish('a')
  t.equal(fetcher.isPenalised('a'), true)
  fetcher.remove('a')
  fetcher.add('a')
  await clock.advance(20_000)
  t.same(opened, [])
  t.equal(fetcher.isPenalised('a'), true)
  await clock.advance(60_000)
  t.equal(fetcher.isPenalised('a'), false)
  fetcher.stop()
})
