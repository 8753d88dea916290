/** Connections through a third node: who gets them, what the third one sees, and when they give way to direct ones. */
import { type CircuitRelayService, circuitRelayServer } from '@libp2p/circuit-relay-v2'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import t from 'tap'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { PeerInfo } from '../../overlay/index.ts'
import { makeTestMesh } from '../helpers/pki.ts'
import { makeRecord, until } from './harness.ts'
import { type Member, type Scene, startAdmittedHost, startMember } from './members.ts'

const mesh = await makeTestMesh({
  nodes: ['relay', 'a', 'b', 'c', { nodeId: 'stranger', flaw: 'other-root' }],
})

/** A node that listens nowhere: it is reached through relays or not at all. */
function startHidden(test: Scene, nodeId: string, bootstrap: readonly string[]): Promise<Member> {
  return startMember(test, mesh, { nodeId, listen: [], relay: true, bootstrap })
}

function isConnected(one: Member, other: Member): boolean {
  return one.overlay.peers().some(({ nodeId }) => nodeId === other.nodeId)
}

/** The peer's connection as `one` sees it. */
function peerOf(one: Member, other: Member) {
  return one.overlay.peers().find(({ nodeId }) => nodeId === other.nodeId)
}

type Server = CircuitRelayService & {
  onHop(stream: Stream, connection: Connection): Promise<void>
  stopHop(request: { connection: Connection; request: object }, options: object): Promise<Stream | undefined>
}

/**
 * An admitted node that runs the library's relay and nothing else, neither gossip nor catch-up: what arrives at the other
 * end has come through the circuit. `meddle` gets every far half before it is joined.
 */
async function startBareRelay(
  test: Scene,
  options: { meddle?: (far: Stream, host: Libp2p) => Promise<Stream>; limited?: boolean } = {},
): Promise<{ host: Libp2p; address: string; server: Server }> {
  const host = await startAdmittedHost<{ relay: Server }>(test, mesh, {
    nodeId: 'relay',
    services: {
      relay: circuitRelayServer({ reservations: { applyDefaultLimit: options.limited ?? false } }) as never,
    },
  })
  const server = host.services.relay
  const stopHop = server.stopHop.bind(server)
  server.stopHop = async (request, settings) => {
    const far = await stopHop(request, settings)
    return far === undefined ? undefined : ((await options.meddle?.(far, host)) ?? far)
  }
  return { host, address: String(host.getMultiaddrs()[0]), server }
}

/** `a` dials `b` through the relay at `address`, once `b` has a place there. */
async function dialThrough(test: Scene, address: string): Promise<{ a: Member; b: Member }> {
  const b = await startHidden(test, 'b', [address])
  await until(() => b.relayed().length > 0, 'b has a place at the relay')
  const a = await startHidden(test, 'a', [address, ...b.relayed()])
  return { a, b }
}

t.test('two nodes behind a relay catch up and gossip; the relay passes on what it cannot read', async (t) => {
  const seen: Uint8Array[] = []
  const listen = async (far: Stream) => {
    const send = far.send.bind(far)
    far.send = (data: Uint8Array | Uint8ArrayList) => {
      seen.push(data instanceof Uint8Array ? data.slice() : data.slice())
      return send(data)
    }
    return far
  }
  const relay = await startBareRelay(t, { meddle: listen })
  const b = await startHidden(t, 'b', [relay.address])
  await until(() => b.relayed().length > 0, 'b has a place at the relay')
  const held = makeRecord(`from before ${'x'.repeat(200)}`, Date.now())
  b.records.keep(held)
  const a = await startHidden(t, 'a', [relay.address, ...b.relayed()])
  await until(() => a.records.held.size === 1, 'catch-up brings what was there')
  t.match(peerOf(a, b), { address: /p2p-circuit/, direction: 'outbound', link: { class: 'post-quantum' } })
  t.match(peerOf(b, a), { address: /p2p-circuit/, direction: 'inbound', link: { class: 'post-quantum' } })
  await until(() => [a, b].every(({ overlay }) => overlay.state().inGossip === 1), 'gossip stands')
  for (let count = 0; count < 50; count += 1) {
    const record = makeRecord(`live ${count} ${'y'.repeat(200)}`, Date.now())
    a.records.keep(record)
    await a.overlay.publish(record, 'anomaly')
  }
  await until(() => b.records.held.size === 51, 'gossip brings the rest')
  const through = Buffer.concat(seen)
  t.ok(through.length > 51 * 200, `${through.length} bytes went through the relay towards b`)
  t.equal(through.indexOf('yyyyyyyy'), -1, 'none of them can be read')
  t.equal(through.indexOf('/dadm-mesh/sync'), -1, 'not even which protocols run')
  await until(() => b.overlay.state().sync.runs > 0, 'b compares as well')
})

t.test('a node of this project is a relay, and a member at the same time', async (t) => {
  const relay = await startMember(t, mesh, { nodeId: 'relay', relayServer: true })
  const { a, b } = await dialThrough(t, relay.address())
  await until(() => isConnected(a, b) && isConnected(b, a), 'connected')
  await until(() => [relay, a, b].every(({ overlay }) => overlay.peers().length === 2), 'everybody with everybody')
  t.match(peerOf(a, b), { address: new RegExp(`${relay.overlay.peerId}/p2p-circuit`) })
  const record = makeRecord('from a', Date.now())
  a.records.keep(record)
  await a.overlay.publish(record, 'anomaly')
  await until(() => relay.records.held.size === 1 && b.records.held.size === 1, 'said to both')
})

t.test('a place that was lost with its relay is reserved again', async (t) => {
  const relay = await startMember(t, mesh, { nodeId: 'relay', relayServer: true })
  const address = relay.address()
  const b = await startHidden(t, 'b', [address])
  await until(() => b.relayed().length > 0, 'b has a place')
  await relay.overlay.stop()
  await until(() => b.relayed().length === 0, 'b says so no more')
  await startMember(t, mesh, { nodeId: 'relay', relayServer: true, listen: [address.split('/p2p/')[0] ?? ''] })
  await until(() => b.relayed().length > 0, 'b has a place again')
})

t.test('a relay that connects somebody else than was dialled is refused', async (t) => {
  let other = ''
  const relay = await startBareRelay(t, {
    meddle: async (far, host) => {
      far.abort(new Error('not this one'))
      const connection = host.getConnections(peerIdFromString(other))[0]
      const request = { type: 'CONNECT', peer: { id: peerIdFromString(honest).toMultihash().bytes, addrs: [] } }
      const wrong = await relay.server.stopHop.call(
        relay.server,
        { connection: connection as Connection, request },
        { signal: AbortSignal.timeout(5_000) },
      )
      return wrong as Stream
    },
  })
  const b = await startHidden(t, 'b', [relay.address])
  const c = await startHidden(t, 'c', [relay.address])
  await until(() => b.relayed().length > 0 && c.relayed().length > 0, 'both have a place')
  other = c.overlay.peerId
  let honest = b.overlay.peerId
  // Once only: the far half for c is taken as it is.
  const meddled = relay.server.stopHop
  relay.server.stopHop = async (request, settings) => {
    relay.server.stopHop = plain
    return meddled(request, settings)
  }
  const plain = Object.getPrototypeOf(relay.server).stopHop.bind(relay.server)
  const a = await startHidden(t, 'a', [relay.address, ...b.relayed()])
  honest = a.overlay.peerId
  await until(() => a.refusals.length > 0, 'a refuses')
  t.match(a.refusals[0], { code: 'OVERLAY_LINK_PEER_ID', direction: 'outbound', nodeId: 'c' })
  t.notOk(isConnected(c, a), 'c is nobody to a, and a nobody to c')
})

t.test('a relay that names another caller: the called node refuses', async (t) => {
  const relay = await startBareRelay(t)
  const b = await startHidden(t, 'b', [relay.address])
  const c = await startMember(t, mesh, { nodeId: 'c' })
  await until(() => b.relayed().length > 0, 'b has a place at the relay')
  const stopHop = relay.server.stopHop
  relay.server.stopHop = ({ connection, request }, settings) => {
    const peer = { id: peerIdFromString(c.overlay.peerId).toMultihash().bytes, addrs: [] }
    return stopHop({ connection, request: { ...request, peer } }, settings)
  }
  await startHidden(t, 'a', [relay.address, ...b.relayed()])
  await until(() => b.refusals.length > 0, 'b refuses')
  t.match(b.refusals[0], { code: 'OVERLAY_LINK_PEER_ID', direction: 'inbound', nodeId: 'a' })
})

t.test('bytes that a relay alters end the connection', async (t) => {
  let altered = 0
  const relay = await startBareRelay(t, {
    meddle: async (far) => {
      const send = far.send.bind(far)
      let sent = 0
      far.send = (data) => {
        const bytes = data instanceof Uint8Array ? data.slice() : data.slice()
        sent += bytes.length
        // After the handshakes, in the middle of what is encrypted.
        if (sent > 60_000) {
          altered += 1
          bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
        }
        return send(bytes)
      }
      return far
    },
  })
  const { a, b } = await dialThrough(t, relay.address)
  await until(() => isConnected(a, b) && isConnected(b, a), 'connected')
  const lost: string[] = []
  b.overlay.on('disconnected', ({ nodeId }) => lost.push(nodeId))
  for (let count = 0; count < 50; count += 1) {
    const record = makeRecord(`${count}`.padEnd(4_000, '.'), Date.now())
    a.records.keep(record)
    await a.overlay.publish(record, 'anomaly')
  }
  await until(() => lost.includes('a'), 'b gives the connection up')
  t.ok(altered > 0)
  const genuine = [...b.records.held.values()].every(
    ({ record }) => a.records.received.length >= 0 && isGenuine(record),
  )
  t.ok(genuine, 'nothing that was altered has come in')
})

function isGenuine(record: Uint8Array): boolean {
  return /^[0-9]+\.+$/.test(Buffer.from(record.subarray(8)).toString())
}

t.test('a stranger gets no place at a relay and nobody through it', async (t) => {
  const relay = await startMember(t, mesh, { nodeId: 'relay', relayServer: true })
  const b = await startHidden(t, 'b', [relay.address()])
  await until(() => b.relayed().length > 0, 'b has a place at the relay')
  const stranger = await startHidden(t, 'stranger', [relay.address(), ...b.relayed()])
  await until(() => stranger.refusals.length > 1, 'refused')
  t.match(stranger.refusals[0], { code: 'OVERLAY_LINK_OTHER_ROOT', by: 'peer' })
  t.same([stranger.relayed(), stranger.overlay.peers()], [[], []])
  t.same(b.refusals, [], 'b is not even asked')
})

t.test('who is revoked is refused through a relay that does not know it yet', async (t) => {
  const relay = await startMember(t, mesh, { nodeId: 'relay', relayServer: true })
  const { a, b } = await dialThrough(t, relay.address())
  await until(() => isConnected(a, b) && isConnected(b, a), 'connected')
  b.revoked.add(mesh.node('a').certificate)
  const refusals = b.refusals.length
  await b.overlay.disconnect('a')
  t.notOk(isConnected(b, a), 'gone at once')
  await until(() => b.refusals.length > refusals, 'a comes again')
  t.match(b.refusals.at(-1), { code: 'RECORDS_PATH_REVOKED', by: 'self' })
  t.notOk(isConnected(b, a))
  t.ok(isConnected(relay, a), 'the relay has not heard of it')
})

t.test('who is revoked at the relay loses its place and what runs through it', async (t) => {
  const relay = await startMember(t, mesh, { nodeId: 'relay', relayServer: true })
  const { a, b } = await dialThrough(t, relay.address())
  await until(() => isConnected(a, b) && isConnected(b, a), 'connected')
  relay.revoked.add(mesh.node('b').certificate)
  await relay.overlay.disconnect('b')
  await until(() => !isConnected(a, b) && b.relayed().length === 0, 'out')
  await until(() => relay.refusals.length > 0, 'b comes again')
  t.match(relay.refusals[0], { code: 'RECORDS_PATH_REVOKED', by: 'self' })
  t.notOk(isConnected(relay, b))
})

t.test('a connection through a relay that limits it is not kept', async (t) => {
  const relay = await startBareRelay(t, { limited: true })
  const { a, b } = await dialThrough(t, relay.address)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  t.notOk(isConnected(a, b) || isConnected(b, a), 'it would end in the middle of things')
})

for (const listener of ['caller', 'called'] as const) {
  t.test(
    `a relayed connection gives way to a direct one that leads to the ${listener}, and nothing is lost`,
    async (t) => {
      const relay = await startBareRelay(t)
      const listen = (role: string) => ({ relay: true, ...(role === listener ? {} : { listen: [] }) })
      const b = await startMember(t, mesh, { nodeId: 'b', ...listen('called'), bootstrap: [relay.address] })
      await until(() => b.relayed().length > 0, 'b has a place at the relay')
      const bootstrap = [relay.address, ...b.relayed()]
      const a = await startMember(t, mesh, { nodeId: 'a', ...listen('caller'), bootstrap })
      const events: string[] = []
      for (const { overlay } of [a, b]) {
        overlay.on('connected', ({ nodeId, address }) => events.push(`+${nodeId} ${address.includes('p2p-circuit')}`))
        for (const event of ['gossipLost', 'disconnected'] as const) overlay.on(event, () => events.push(event))
      }
      const said: Uint8Array[] = []
      const say = async () => {
        const record = makeRecord(`${said.length}`, Date.now())
        said.push(record)
        a.records.keep(record)
        await a.overlay.publish(record, 'anomaly')
      }
      const isDirect = (peer: PeerInfo | undefined) => peer !== undefined && !peer.address.includes('p2p-circuit')
      await until(async () => {
        await say()
        return isDirect(peerOf(a, b)) && isDirect(peerOf(b, a))
      }, 'direct')
      t.match(peerOf(b, a)?.link, { class: 'post-quantum' }, 'admitted anew')
      for (let count = 0; count < 20; count += 1) await say()
      await until(() => b.records.held.size === said.length, 'everything arrived')
      t.same(
        events.filter((event) => /^\+[ab]/.test(event)).sort(),
        ['+a true', '+b true'],
        'relayed first, and only once',
      )
      t.notOk(events.includes('gossipLost') || events.includes('disconnected'), 'neither gossip nor the peer was lost')
    },
  )
}

t.test('relays are turned on, not listened on', async (t) => {
  await t.rejects(startMember(t, mesh, { nodeId: 'a', listen: ['/p2p-circuit'] }), TypeError)
})

t.test('everything ends with the nodes', async (t) => {
  const before = lasting()
  const relay = await startMember(t, mesh, { nodeId: 'relay', relayServer: true })
  const { a, b } = await dialThrough(t, relay.address())
  await until(() => isConnected(a, b), 'connected')
  for (const { overlay } of [a, b, relay]) {
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
