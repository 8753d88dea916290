/** What a node does with addresses that others name, and what is left of them. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerDiscovery, PeerInfo } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import t from 'tap'
import { SimulatedRandom, silentLogger, systemClock } from '../../../core/index.ts'
import { dialTargets } from '../../../overlay/addresses.ts'
import { Discovery } from '../../../overlay/discovery/index.ts'
import { MAX_UNREACHED } from '../../../overlay/limits.ts'
import type { PeerTable } from '../../../overlay/peers.ts'
import { startHost, until } from '../harness.ts'

const REDIAL = { baseMs: 5, maxMs: 60_000 }

/** A multicast DNS that says what the test says. */
class Rumours extends TypedEventEmitter<{ peer: CustomEvent<PeerInfo> }> {}

async function startScene(test: { teardown(action: () => Promise<void>): void }) {
  const lan = new Rumours()
  const host = await startHost(test, 'a', { lan: () => lan })
  const dialled: string[] = []
  const dial = host.dial.bind(host)
  host.dial = (target, options) => {
    dialled.push(...(target as unknown[]).map(String))
    return dial(target, options)
  }
  const peers = { get: () => undefined, full: false } as unknown as PeerTable
  const discovery = new Discovery(
    { bootstrap: [], redial: REDIAL },
    {
      ...{ clock: systemClock(), random: new SimulatedRandom(1), logger: silentLogger(), peers },
      host: host as unknown as typeof host & { services: { lan: PeerDiscovery } },
    },
  )
  discovery.start()
  test.teardown(async () => discovery.stop())
  const say = async (address: string) => {
    const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    lan.safeDispatchEvent('peer', { detail: { id, multiaddrs: [multiaddr(address)] } })
    return id
  }
  return { host, dialled, discovery, say }
}

t.test('of peers that are named and not there nothing is left, however many there are', async (t) => {
  const { host, dialled, say } = await startScene(t)
  let named = 0
  await until(async () => {
    for (const endAt = named + 50; named < endAt; named += 1) {
      await say(`/ip4/127.1.${named >> 8}.${named & 255}/tcp/9`)
    }
    return new Set(dialled).size > 3 * MAX_UNREACHED
  }, 'dialled many')
  const kept = await host.peerStore.all()
  t.ok(kept.length < 2 * MAX_UNREACHED, `${kept.length} of ${new Set(dialled).size} are in the peer store`)
})

t.test('a peer that was connected is dialled again where it says, by IP address', async (t) => {
  const { host, discovery, dialled } = await startScene(t)
  const peerId = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const named = ['/dns4/example.invalid/tcp/22', '/ip4/0.0.0.0/tcp/9', '/ip4/127.0.0.1/tcp/9']
  await host.peerStore.merge(peerId, { multiaddrs: named.map((address) => multiaddr(address)) })
  const last = { direction: 'inbound', remoteAddr: multiaddr('/ip4/127.0.0.1/tcp/50000') }
  discovery.disconnected({ key: String(peerId), peerId, nodeId: 'b' } as never, last as never)
  await until(() => discovery.targets === 1, 'remembered')
  await until(() => dialled.length > 0, 'dialled')
  t.same(new Set(dialled), new Set([`/ip4/127.0.0.1/tcp/9/p2p/${peerId}`]))
})

t.test('where a node is that is revoked while it is away is forgotten', async (t) => {
  const { host, discovery, say } = await startScene(t)
  const peerId = await say('/ip4/127.0.0.1/tcp/9')
  await host.peerStore.merge(peerId, { multiaddrs: [multiaddr('/ip4/127.0.0.1/tcp/9')] })
  const peer = { key: String(peerId), peerId, nodeId: 'b' } as never
  discovery.connected(peer)
  discovery.disconnected(peer, { direction: 'inbound', remoteAddr: multiaddr('/ip4/127.0.0.1/tcp/5') } as never)
  t.equal(discovery.targets, 1)
  await discovery.expelled('b', [])
  t.equal(discovery.targets, 0, 'nobody dials it')
  t.notOk(await host.peerStore.has(peerId), 'nobody knows where it was')
})

t.test('addresses that others name lead to other nodes, and not to services of this machine', async (t) => {
  const named = [
    '/ip4/192.0.2.7/tcp/1',
    '/ip4/192.0.2.1/tcp/4701',
    '/ip4/127.0.0.1/tcp/6379',
    '/ip4/127.9.9.9/udp/53/quic-v1',
    '/ip6/::1/tcp/1',
    '/ip6/::ffff:127.0.0.1/tcp/1',
    '/ip4/0.0.0.0/tcp/6379',
    '/ip6/::/tcp/6379',
    '/ip4/224.0.0.251/udp/5353/quic-v1',
    '/ip4/255.255.255.255/udp/1/quic-v1',
    '/ip6/ff02::1/udp/1/quic-v1',
    '/dns4/example.org/tcp/1',
  ].map((address) => multiaddr(address))
  const places = (own: string[], remote: string[]) => ({
    own: own.map((address) => multiaddr(address)),
    remote: remote.map((address) => multiaddr(address)),
  })
  const everywhere = ['/ip4/127.0.0.1/tcp/4701', '/ip4/192.0.2.1/tcp/4701']
  const left = (own: string[], remote: string[]) => dialTargets(named, places(own, remote)).map(String)
  t.same(left(everywhere, ['/ip4/192.0.2.9/tcp/1']), ['/ip4/192.0.2.7/tcp/1'])
  t.same(left([], ['/ip4/192.0.2.9/tcp/1']).length, 2, 'a node that listens nowhere has no address of its own')
  for (const [own, remote] of [
    [everywhere, ['/ip4/127.0.0.1/tcp/50000']],
    [['/ip4/127.0.0.1/tcp/4701'], []],
  ] as const) {
    t.ok(left([...own], [...remote]).includes('/ip4/127.0.0.1/tcp/6379'), 'where peers share the machine')
  }
})
