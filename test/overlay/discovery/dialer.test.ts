import fc from 'fast-check'
import t from 'tap'
import { SimulatedClock, SimulatedRandom, silentLogger } from '../../../core/index.ts'
import { backoffMs } from '../../../overlay/backoff.ts'
import { Dialer, type DialTarget } from '../../../overlay/discovery/dialer.ts'
import { mdnsServiceTag } from '../../../overlay/discovery/mdns.ts'
import { MAX_DIAL_TARGETS } from '../../../overlay/limits.ts'

t.test('the delay doubles up to its maximum, and its upper half is random', async (t) => {
  const options = { baseMs: 1_000, maxMs: 300_000 }
  t.same(
    [0, 1, 2, 8, 9, 500].map((failures) => backoffMs(options, failures, 0)),
    [500, 1_000, 2_000, 128_000, 150_000, 150_000],
  )
  fc.assert(
    fc.property(fc.nat(100), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, fraction) => {
      const delay = backoffMs(options, failures, fraction)
      return delay >= backoffMs(options, failures, 0) && delay <= 300_000
    }),
  )
})

function setUp() {
  const clock = new SimulatedClock()
  const dials: { atMs: number; target: DialTarget }[] = []
  const connected = new Set<string>()
  const reachable = new Map<string, string>()
  let room = true
  const dialer = new Dialer(
    { backoff: { baseMs: 1_000, maxMs: 60_000 }, maxFailures: 3 },
    {
      clock,
      random: new SimulatedRandom(1),
      logger: silentLogger(),
      isConnected: (key) => connected.has(key),
      hasRoom: () => room,
      dial: async (target) => {
        dials.push({ atMs: clock.monotonic(), target })
        const key = target.addresses.map((address) => reachable.get(address)).find((found) => found !== undefined)
        if (key === undefined) throw new Error('unreachable')
        connected.add(key)
        return key
      },
    },
  )
  const setRoom = (value: boolean) => {
    room = value
  }
  return { clock, dials, connected, reachable, dialer, setRoom }
}

const permanent = { peerKey: undefined, addresses: ['/a'], permanent: true }

t.test('a configured address is dialled for ever, ever more slowly, and again after a loss', async (t) => {
  const { clock, dials, connected, reachable, dialer } = setUp()
  dialer.add(permanent)
  await clock.advance(600_000)
  t.ok(dials.length > 8 && dials.length < 30, `${dials.length} dials in ten minutes`)
  reachable.set('/a', 'p')
  await clock.advance(60_000)
  t.ok(connected.has('p'))
  const count = dials.length
  await clock.advance(600_000)
  t.equal(dials.length, count, 'a connected peer is left alone')
  connected.delete('p')
  t.ok(dialer.disconnected('p'), 'its PeerId is known by now')
  await clock.advance(1_000)
  t.equal(dials.length, count + 1)
  t.ok(connected.has('p'))
})

t.test('a peer that was only met is given up', async (t) => {
  const { clock, dials, dialer } = setUp()
  dialer.add({ peerKey: 'q', addresses: ['/q'], permanent: false })
  await clock.advance(600_000)
  t.equal(dials.length, 4)
  t.equal(dialer.size, 0)
  t.notOk(dialer.disconnected('q'))
})

t.test('a full node dials configured peers only', async (t) => {
  const { clock, dials, dialer, setRoom } = setUp()
  setRoom(false)
  dialer.add({ peerKey: 'q', addresses: ['/q'], permanent: false })
  dialer.add(permanent)
  await clock.advance(0)
  t.same(
    dials.map(({ target }) => target.addresses[0]),
    ['/a'],
  )
})

t.test('a peer that connected by itself is not dialled; a known one takes new addresses', async (t) => {
  const { clock, dials, connected, dialer } = setUp()
  dialer.add({ peerKey: 'q', addresses: ['/q1'], permanent: false }, 1_000)
  connected.add('q')
  dialer.connected('q')
  await clock.advance(5_000)
  t.equal(dials.length, 0)
  connected.delete('q')
  dialer.add({ peerKey: 'q', addresses: ['/q2'], permanent: false })
  await clock.advance(0)
  t.same(dials[0]?.target.addresses, ['/q2', '/q1'])
  dialer.stop()
  t.equal(clock.pendingTimers, 0)
})

t.test('targets are bounded: failing ones make room', async (t) => {
  const { clock, dialer } = setUp()
  for (let at = 0; at < MAX_DIAL_TARGETS + 10; at += 1) {
    dialer.add({ peerKey: `n${at}`, addresses: [`/${at}`], permanent: false })
  }
  t.equal(dialer.size, MAX_DIAL_TARGETS)
  await clock.advance(0)
  dialer.add(permanent)
  t.equal(dialer.size, MAX_DIAL_TARGETS)
  dialer.stop()
})

t.test('each mesh has an mDNS service of its own, short enough for a label', async (t) => {
  const tag = mdnsServiceTag('n'.repeat(63))
  t.match(tag, /^_[a-z0-9]{1,15}\._udp\.local$/)
  t.not(tag, mdnsServiceTag('north-grid'))
})
