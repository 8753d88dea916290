/** Peers that are found by asking connected ones, and what those cannot make a node do. */
import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { concatBytes } from '../../../core/index.ts'
import { dhtProtocol, worthTelling } from '../../../overlay/discovery/dht.ts'
import {
  MAX_DHT_ANSWER_BYTES,
  MAX_DHT_REQUEST_BYTES,
  MAX_TOLD_ADDRESSES,
  MAX_TOLD_TARGETS,
} from '../../../overlay/limits.ts'
import { makeTestMesh } from '../../helpers/pki.ts'
import { until } from '../harness.ts'
import { type Member, type Scene, startAdmittedHost, startMember } from '../members.ts'

const mesh = await makeTestMesh({
  nodes: ['a', 'b', 'c', 'hub', 'liar', { nodeId: 'stranger', flaw: 'other-root' }],
})
const PROTOCOL = dhtProtocol(mesh.mesh)

function peersOf(member: Member): string[] {
  return member.overlay
    .peers()
    .map(({ nodeId }) => nodeId)
    .sort()
}

t.test('two nodes that know only a third find each other', async (t) => {
  const hub = await startMember(t, mesh, { nodeId: 'hub', dht: true })
  const bootstrap = [hub.address()]
  const a = await startMember(t, mesh, { nodeId: 'a', dht: true, bootstrap })
  const b = await startMember(t, mesh, { nodeId: 'b', dht: true, bootstrap })
  await until(() => peersOf(a).includes('b') && peersOf(b).includes('a'), 'found')
  t.match(
    a.overlay.peers().find(({ nodeId }) => nodeId === 'b'),
    { link: { class: 'post-quantum' } },
    'and admitted like anybody',
  )
})

t.test('two nodes behind a relay find each other, and connect through it', async (t) => {
  const hub = await startMember(t, mesh, { nodeId: 'hub', dht: true, relayServer: true })
  const hidden = { listen: [], dht: true, relay: true, bootstrap: [hub.address()] }
  const a = await startMember(t, mesh, { nodeId: 'a', ...hidden })
  await until(() => a.relayed().length > 0, 'a has a place at the relay')
  // Told to others a moment later: libp2p gathers changes of addresses for a second, twice.
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  const b = await startMember(t, mesh, { nodeId: 'b', ...hidden })
  await until(() => peersOf(b).includes('a') && peersOf(a).includes('b'), 'found')
  t.match(b.overlay.peers().find(({ nodeId }) => nodeId === 'a')?.address, /p2p-circuit/)
})

t.test('a node that has the DHT off neither asks nor answers, and finds nobody', async (t) => {
  const hub = await startMember(t, mesh, { nodeId: 'hub', dht: true })
  const bootstrap = [hub.address()]
  const a = await startMember(t, mesh, { nodeId: 'a', bootstrap })
  const b = await startMember(t, mesh, { nodeId: 'b', dht: true, bootstrap })
  await until(() => [a, b].every((member) => peersOf(member).length === 1), 'both at the hub')
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  t.same([peersOf(a), peersOf(b)], [['hub'], ['hub']])
})

t.test('the protocol is that of the mesh', async (t) => {
  t.equal(dhtProtocol('north-grid'), '/dadm-mesh/north-grid/kad/1.0.0')
})

const field = (tag: number, bytes: Uint8Array) => concatBytes(Uint8Array.of(tag), varint(bytes.length), bytes)

function varint(value: number): Uint8Array {
  return value < 128 ? Uint8Array.of(value) : concatBytes(Uint8Array.of((value % 128) + 128), varint(value >> 7))
}

const FIND_NODE = 4

/** An answer of the DHT: the peers, each with its addresses. */
function answer(peers: readonly { id: string; addresses: readonly string[] }[]): Uint8Array {
  const closer = peers.map(({ id, addresses }) =>
    field(
      0x42,
      concatBytes(
        field(0x0a, peerIdFromString(id).toMultihash().bytes),
        ...addresses.map((address) => field(0x12, multiaddr(address).bytes)),
      ),
    ),
  )
  const message = concatBytes(Uint8Array.of(0x08, FIND_NODE), ...closer)
  return concatBytes(varint(message.length), message)
}

/** An admitted node that answers every question of the DHT with `say()`. */
async function startLiar(test: Scene, say: () => Uint8Array) {
  const liar = await startAdmittedHost(test, mesh, { nodeId: 'liar', services: {} })
  let asked = 0
  await liar.handle(PROTOCOL, (stream: Stream) => {
    stream.addEventListener('message', () => {
      asked += 1
      stream.send(say())
    })
  })
  return { address: String(liar.getMultiaddrs()[0]), asked: () => asked }
}

t.test('an answer that points to a stranger, or to somebody under another name, ends in a refused link', async (t) => {
  const stranger = await startMember(t, mesh, { nodeId: 'stranger' })
  const c = await startMember(t, mesh, { nodeId: 'c' })
  const b = await startMember(t, mesh, { nodeId: 'b' })
  const bare = (member: Member) => member.address().split('/p2p/')[0] ?? ''
  const told = [
    { id: stranger.overlay.peerId, addresses: [stranger.address()] },
    { id: b.overlay.peerId, addresses: [bare(c)] },
  ]
  const liar = await startLiar(t, () => answer(told))
  const a = await startMember(t, mesh, { nodeId: 'a', dht: true, bootstrap: [liar.address] })
  await until(() => a.refusals.length > 1, 'both are dialled and refused')
  const refused = (code: string) => a.refusals.find((refusal) => refusal.code === code)
  t.match(refused('OVERLAY_LINK_OTHER_ROOT'), { direction: 'outbound', by: 'self' })
  t.match(refused('OVERLAY_LINK_PEER_ID'), { direction: 'outbound', by: 'self', nodeId: 'c' })
  t.same(peersOf(a), ['liar'])
  t.same([peersOf(stranger), peersOf(b), peersOf(c)], [[], [], []])
})

t.test('an insider who names peers without end fills its own share of what is dialled', async (t) => {
  const base = peerIdFromString('12D3KooWSMp6GKfJjanUn3cKfutAW88bn4D9NoGGUguH8gLKcvGD').toMultihash().bytes
  let named = 0
  const invented = () => {
    const id = base.slice()
    named += 1
    id.set([named & 255, named >> 8], id.length - 2)
    return id
  }
  const closer = () =>
    field(0x42, concatBytes(field(0x0a, invented()), field(0x12, multiaddr('/ip4/127.0.0.1/tcp/9').bytes)))
  const crowd = () => {
    const message = concatBytes(Uint8Array.of(0x08, FIND_NODE), ...Array.from({ length: 500 }, closer))
    return concatBytes(varint(message.length), message)
  }
  t.ok(crowd().length < MAX_DHT_ANSWER_BYTES)
  const b = await startMember(t, mesh, { nodeId: 'b' })
  const liar = await startLiar(t, crowd)
  const a = await startMember(t, mesh, { nodeId: 'a', dht: true, bootstrap: [liar.address, b.address()] })
  await until(() => liar.asked() > 0 && peersOf(a).includes('b'), 'asked, and others still connect')
  await new Promise((resolve) => setTimeout(resolve, 500))
  const { dialTargets } = a.overlay.state()
  t.ok(dialTargets > 10 && dialTargets <= MAX_TOLD_TARGETS + 2, `${dialTargets} targets`)
})

t.test('an answer above its cap is not read', async (t) => {
  const b = await startMember(t, mesh, { nodeId: 'b' })
  const honest = { id: b.overlay.peerId, addresses: [b.address().split('/p2p/')[0] ?? ''] }
  const message = () => answer(Array.from({ length: 1 + MAX_DHT_ANSWER_BYTES / 40 }, () => honest))
  t.ok(message().length > MAX_DHT_ANSWER_BYTES)
  const liar = await startLiar(t, message)
  const a = await startMember(t, mesh, { nodeId: 'a', dht: true, bootstrap: [liar.address] })
  await until(() => liar.asked() > 0, 'asked')
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.same(peersOf(a), ['liar'], 'not even what was true in it')
})

/** What `request` brings back, and how its stream is afterwards. */
async function ask(connection: Connection, request: Uint8Array): Promise<{ bytes: Uint8Array; status: string }> {
  const stream = await connection.newStream(PROTOCOL)
  let bytes: Uint8Array = new Uint8Array()
  stream.addEventListener('message', ({ data }: StreamMessageEvent) => {
    bytes = concatBytes(bytes, data.subarray())
  })
  stream.send(concatBytes(varint(request.length), request))
  await until(() => bytes.length > 0 || stream.status !== 'open', 'answered or reset')
  const { status } = stream
  stream.abort(new Error('enough'))
  return { bytes, status }
}

t.test('a node stores nothing for others, and reads no long question', async (t) => {
  const a = await startMember(t, mesh, { nodeId: 'a', dht: true })
  const asker = await startAdmittedHost(t, mesh, { nodeId: 'liar', services: {} })
  const connection = await asker.dial(multiaddr(a.address()))
  const own = asker.peerId.toMultihash().bytes
  const findNode = concatBytes(Uint8Array.of(0x08, FIND_NODE), field(0x12, own))
  t.match(await ask(connection, findNode), { status: 'open' }, 'a question is answered')
  const key = new TextEncoder().encode('key')
  const record = concatBytes(
    field(0x0a, key),
    field(0x12, key),
    field(0x2a, new TextEncoder().encode('2026-01-01T00:00:00Z')),
  )
  const putValue = concatBytes(Uint8Array.of(0x08, 0), field(0x12, key), field(0x1a, record))
  t.match(await ask(connection, putValue), { bytes: { length: 0 }, status: 'reset' }, 'a value is not taken')
  const getValue = concatBytes(Uint8Array.of(0x08, 1), field(0x12, key))
  t.match(await ask(connection, getValue), { status: 'open' })
  const provider = concatBytes(field(0x0a, own), field(0x12, multiaddr('/ip4/127.0.0.1/tcp/9').bytes))
  const addProvider = concatBytes(Uint8Array.of(0x08, 2), field(0x12, own), field(0x4a, provider))
  t.match(await ask(connection, addProvider), { bytes: { length: 0 }, status: 'reset' }, 'nor is a provider')
  const long = concatBytes(findNode, field(0x12, new Uint8Array(MAX_DHT_REQUEST_BYTES)))
  t.match(await ask(connection, long), { bytes: { length: 0 }, status: 'reset' }, 'a long question is not read')
})

t.test('who has gone is told of no more', async (t) => {
  const hub = await startMember(t, mesh, { nodeId: 'hub', dht: true })
  const b = await startMember(t, mesh, { nodeId: 'b', dht: true, bootstrap: [hub.address()] })
  const asker = await startAdmittedHost(t, mesh, { nodeId: 'liar', services: {} })
  const connection = await asker.dial(multiaddr(hub.address()))
  const key = concatBytes(Uint8Array.of(0x08, FIND_NODE), field(0x12, asker.peerId.toMultihash().bytes))
  const tells = async () => {
    const answer = Buffer.from(await ask(connection, key).then(({ bytes }) => bytes))
    return answer.includes(peerIdFromString(b.overlay.peerId).toMultihash().bytes)
  }
  await until(tells, 'b is told of')
  await b.overlay.stop()
  await until(async () => !(await tells()), 'and no more')
  t.same(peersOf(hub), ['liar'])
})

t.test('of each peer few addresses are passed on, and relayed ones among them', async (t) => {
  const id = peerIdFromString('12D3KooWSMp6GKfJjanUn3cKfutAW88bn4D9NoGGUguH8gLKcvGD')
  const direct = Array.from({ length: 20 }, (_, at) => multiaddr(`/ip4/10.0.0.${at + 1}/tcp/4701`))
  const relayed = Array.from({ length: 5 }, (_, at) => multiaddr(`/ip4/192.0.2.${at + 1}/tcp/1/p2p/${id}/p2p-circuit`))
  const names = [multiaddr('/dns4/example.org/tcp/1'), multiaddr('/ip4/192.0.2.1/udp/1')]
  const { multiaddrs } = worthTelling({ id, multiaddrs: [...names, ...direct, ...relayed] })
  t.equal(multiaddrs.length, MAX_TOLD_ADDRESSES)
  t.same(multiaddrs.map(String), [...direct.slice(0, MAX_TOLD_ADDRESSES - 2), ...relayed.slice(0, 2)].map(String))
})

t.test('everything ends with the nodes', async (t) => {
  const before = lasting()
  const hub = await startMember(t, mesh, { nodeId: 'hub', dht: true })
  const a = await startMember(t, mesh, { nodeId: 'a', dht: true, bootstrap: [hub.address()] })
  await until(() => peersOf(a).length === 1, 'connected')
  // In the middle of the first question.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  for (const { overlay } of [a, hub]) {
    const startMs = Date.now()
    await overlay.stop()
    t.ok(Date.now() - startMs < 2_000, 'within two seconds')
  }
  await until(() => lasting() <= before, 'nothing is left')
})

/** Sockets, servers and timers that keep a process alive. */
function lasting(): number {
  return process.getActiveResourcesInfo().filter((resource) => /TCP|UDP|Timeout/.test(resource)).length
}
