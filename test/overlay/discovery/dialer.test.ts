import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import t from 'tap'
import { backoffMs, SimulatedClock, SimulatedRandom, silentLogger } from '../../../core/index.ts'
import { Dialer, type DialTarget } from '../../../overlay/discovery/dialer.ts'
import { isLocal, mdnsServiceTag } from '../../../overlay/discovery/mdns.ts'
import {
  MAX_DIAL_TARGETS,
  MAX_FOUND_ADDRESSES,
  MAX_FOUND_TARGETS,
  MAX_MET_ADDRESSES,
  MAX_TOLD_ADDRESSES,
  MAX_TOLD_TARGETS,
} from '../../../overlay/limits.ts'

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

const configured = { peerKey: undefined, addresses: ['/a'], source: 'configured' as const }

t.test('a configured address is dialled for ever, ever more slowly, and again after a loss', async (t) => {
  const { clock, dials, connected, reachable, dialer } = setUp()
  dialer.add(configured)
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
  dialer.add({ peerKey: 'q', addresses: ['/q'], source: 'met' })
  await clock.advance(600_000)
  t.equal(dials.length, 4)
  t.equal(dialer.size, 0)
  t.notOk(dialer.disconnected('q'))
})

t.test('a full node dials configured peers only', async (t) => {
  const { clock, dials, dialer, setRoom } = setUp()
  setRoom(false)
  dialer.add({ peerKey: 'q', addresses: ['/q'], source: 'met' })
  dialer.add(configured)
  await clock.advance(0)
  t.same(
    dials.map(({ target }) => target.addresses[0]),
    ['/a'],
  )
})

t.test('a peer that connected by itself is not dialled; a known one takes new addresses', async (t) => {
  const { clock, dials, connected, dialer } = setUp()
  dialer.add({ peerKey: 'q', addresses: ['/q1'], source: 'met' }, 1_000)
  connected.add('q')
  dialer.connected('q', 'node')
  await clock.advance(5_000)
  t.equal(dials.length, 0)
  connected.delete('q')
  dialer.add({ peerKey: 'q', addresses: ['/q2'], source: 'met' })
  await clock.advance(0)
  t.same(dials[0]?.target.addresses, ['/q2', '/q1'])
  dialer.stop()
  t.equal(clock.pendingTimers, 0)
})

t.test('targets are bounded: failing ones make room, configured ones always fit', async (t) => {
  const { clock, dialer } = setUp()
  for (let at = 0; at < MAX_DIAL_TARGETS + 10; at += 1) {
    dialer.add({ peerKey: `n${at}`, addresses: [`/${at}`], source: 'met' })
  }
  t.equal(dialer.size, MAX_DIAL_TARGETS)
  dialer.add(configured)
  t.equal(dialer.size, MAX_DIAL_TARGETS + 1)
  await clock.advance(0)
  dialer.add({ peerKey: 'late', addresses: ['/late'], source: 'met' })
  t.equal(dialer.size, MAX_DIAL_TARGETS + 1)
  dialer.stop()
})

t.test('what multicast DNS says takes nothing from a configured address', async (t) => {
  const { clock, dials, dialer } = setUp()
  dialer.add({ peerKey: 'relay', addresses: ['/relay'], source: 'configured' })
  for (let round = 0; round < 10; round += 1) {
    const addresses = Array.from({ length: 8 }, (_, at) => `/junk/${round}/${at}`)
    dialer.add({ peerKey: 'relay', addresses, source: 'found' })
  }
  await clock.advance(3_600_000)
  const own = dials.filter(({ target }) => target.addresses.includes('/relay'))
  t.ok(own.length > 30, `${own.length} dials of the configured address in an hour`)
  for (const { target } of own) t.same(target.addresses, ['/relay'])
  const most = Math.max(...dials.map(({ target }) => target.addresses.length))
  t.equal(most, MAX_FOUND_ADDRESSES)
  dialer.stop()
})

t.test('of a peer that was met the newest addresses are remembered', async (t) => {
  const { clock, dials, dialer } = setUp()
  for (let at = 0; at < 20; at += 1) dialer.add({ peerKey: 'q', addresses: [`/q${at}`], source: 'met' }, 1)
  await clock.advance(1)
  t.equal(dials[0]?.target.addresses.length, MAX_MET_ADDRESSES)
  t.equal(dials[0]?.target.addresses[0], '/q19')
  dialer.stop()
})

t.test('peers that multicast DNS names are bounded apart, and push out nobody that was met', async (t) => {
  const { clock, dialer, dials } = setUp()
  dialer.add({ peerKey: 'met', addresses: ['/met'], source: 'met' })
  const flood = (from: number) => {
    for (let at = from; at < from + 2 * MAX_FOUND_TARGETS; at += 1) {
      dialer.add({ peerKey: `f${at}`, addresses: [`/${at}`], source: 'found' })
    }
  }
  flood(0)
  t.equal(dialer.size, MAX_FOUND_TARGETS + 1)
  await clock.advance(0)
  flood(10_000)
  t.equal(dialer.size, MAX_FOUND_TARGETS + 1)
  t.ok(dialer.disconnected('met'), 'still known')
  t.equal(dials.filter(({ target }) => target.source === 'met').length, 1)
  dialer.stop()
})

t.test('peers that others tell of are bounded apart, and fill the places of nobody else', async (t) => {
  const { clock, dialer, dials } = setUp()
  const tell = (count: number) => {
    for (let at = 0; at < count; at += 1) {
      const addresses = Array.from({ length: 2 * MAX_TOLD_ADDRESSES }, (_, n) => `/${at}/${n}`)
      dialer.add({ peerKey: `t${at}`, addresses, source: 'told' })
    }
  }
  tell(2 * MAX_TOLD_TARGETS)
  t.equal(dialer.size, MAX_TOLD_TARGETS)
  for (let at = 0; at < MAX_FOUND_TARGETS; at += 1)
    dialer.add({ peerKey: `f${at}`, addresses: ['/f'], source: 'found' })
  t.equal(dialer.size, MAX_TOLD_TARGETS + MAX_FOUND_TARGETS)
  await clock.advance(0)
  t.equal(dials.find(({ target }) => target.source === 'told')?.target.addresses.length, MAX_TOLD_ADDRESSES)
  dialer.add({ peerKey: 'another', addresses: ['/a'], source: 'told' })
  t.equal(dialer.size, MAX_TOLD_TARGETS + MAX_FOUND_TARGETS, 'one that fails made room')
  dialer.stop()
})

t.test('only addresses of this machine, this link and private networks are taken from multicast DNS', async (t) => {
  const local = ['/ip4/10.1.2.3', '/ip4/172.31.0.1', '/ip4/192.168.7.7', '/ip4/169.254.1.1', '/ip4/127.0.0.1']
  local.push('/ip6/::1', '/ip6/fe80::1', '/ip6zone/eth0/ip6/fe80::1', '/ip6/fd00::5')
  const foreign = ['/ip4/198.51.100.7', '/ip4/172.32.0.1', '/ip4/8.8.8.8', '/ip6/2001:db8::1', '/dns4/example.org']
  for (const host of local) t.ok(isLocal(multiaddr(`${host}/tcp/4001`)), host)
  for (const host of foreign) t.notOk(isLocal(multiaddr(`${host}/tcp/4001`)), host)
  t.notOk(isLocal(multiaddr('/ip4/10.1.2.3/udp/4001')), 'no transport of this mesh')
  const relay = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
  t.notOk(isLocal(multiaddr(`/ip4/10.1.2.3/tcp/4001/p2p/${relay}/p2p-circuit`)), 'no way through others')
})

t.test('each mesh has an mDNS service of its own, short enough for a label', async (t) => {
  const tag = mdnsServiceTag('n'.repeat(63))
  t.match(tag, /^_[a-z0-9]{1,15}\._udp\.local$/)
  t.not(tag, mdnsServiceTag('north-grid'))
})
