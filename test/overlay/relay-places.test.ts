/** How long a node keeps its place at a relay: for as long as it is connected, whatever happens to a renewal. */
import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { Libp2p, PeerId, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { concatBytes, SimulatedClock } from '../../core/index.ts'
import { loadRelayServer, loadRelayTransport } from '../../overlay/relay/index.ts'
import { makeTestMesh } from '../helpers/pki.ts'
import { until } from './harness.ts'
import { type Scene, startAdmittedHost } from './members.ts'

const mesh = await makeTestMesh({ nodes: ['relay', 'a', 'b'] })
const HOP = '/libp2p/circuit/relay/0.2.0/hop'
const STOP = '/libp2p/circuit/relay/0.2.0/stop'

/** Ends sooner than a client renews: what holds in spite of it holds for hours as well. The library rounds it to seconds. */
const SHORT_MS = 700

type Server = CircuitRelayService & {
  makeReservation(client: PeerId, expire: bigint): Promise<object>
  handleReserve(...args: unknown[]): Promise<void>
}

/** What a client keeps of its places. */
interface Places {
  readonly reservations: { readonly size: number }
  /** What the client's own timer does some minutes before a place ends. */
  addRelay(relay: PeerId, type: 'discovered'): Promise<unknown>
}

async function startRelay(test: Scene): Promise<{ host: Libp2p; server: Server; address: string }> {
  const relay = await loadRelayServer({ maxReservations: 8, reservationMs: SHORT_MS })
  const host = await startAdmittedHost<{ relay: Server }>(test, mesh, {
    nodeId: 'relay',
    services: { relay: relay as never },
  })
  return { host, server: host.services.relay, address: String(host.getMultiaddrs()[0]) }
}

/** A node that listens at relays only. */
async function startClient(test: Scene, clock = new SimulatedClock()) {
  const create = await loadRelayTransport({ clock })
  let places: Places | undefined
  const host = await startAdmittedHost(test, mesh, {
    nodeId: 'b',
    services: {},
    listen: ['/p2p-circuit', '/p2p-circuit'],
    transports: [
      tcp(),
      (components) => {
        const transport = create(components as never)
        places = (transport as unknown as { reservationStore: Places }).reservationStore
        return transport
      },
    ],
  })
  return { host, clock, places: places as unknown as Places }
}

const hasPlace = (host: Libp2p) => host.getMultiaddrs().some((address) => address.toString().includes('p2p-circuit'))

t.test('a place, and what runs through it, outlasts its time many times over', async (t) => {
  const { host: relay, server, address } = await startRelay(t)
  const { host: client, places } = await startClient(t)
  await client.dial(multiaddr(address))
  await until(() => hasPlace(client), 'a place')
  const caller = await startAdmittedHost(t, mesh, {
    nodeId: 'a',
    services: {},
    transports: [tcp(), await loadRelayTransport({ clock: new SimulatedClock() })],
  })
  const connection = await caller.dial(multiaddr(`${address}/p2p-circuit/p2p/${client.peerId}`))
  for (let times = 2; times > 0; times -= 1) {
    await new Promise((resolve) => setTimeout(resolve, 1.3 * SHORT_MS))
    await places.addRelay(relay.peerId, 'discovered')
    t.ok(server.reservations.has(client.peerId), 'renewed')
  }
  await new Promise((resolve) => setTimeout(resolve, 1.3 * SHORT_MS))
  t.equal(connection.status, 'open', 'the circuit stands')
  t.ok(hasPlace(client) && server.reservations.has(client.peerId))
  await client.stop()
  await until(() => !server.reservations.has(client.peerId), 'freed when the client has gone')
})

t.test('a place whose renewal fails is asked for again while the connection stands', async (t) => {
  const { host: relay, server, address } = await startRelay(t)
  const { host: client, clock, places } = await startClient(t)
  await client.dial(multiaddr(address))
  await until(() => hasPlace(client), 'a place')
  const { handleReserve } = server
  server.handleReserve = () => Promise.reject(new Error('busy'))
  await t.rejects(places.addRelay(relay.peerId, 'discovered'))
  await until(() => !hasPlace(client), 'the library gives the place up')
  await clock.advance(1_000)
  t.notOk(hasPlace(client), 'the relay is still busy')
  server.handleReserve = handleReserve
  await until(async () => {
    await clock.advance(60_000)
    return hasPlace(client)
  }, 'a place again')
  t.equal(client.getConnections().length, 1, 'on the same connection')
})

t.test('a relay that says no at first is asked again', async (t) => {
  const { server, address } = await startRelay(t)
  const { host: client, clock } = await startClient(t)
  const { handleReserve } = server
  let asked = 0
  server.handleReserve = () => {
    asked += 1
    return Promise.reject(new Error('full'))
  }
  await client.dial(multiaddr(address))
  await until(() => asked > 0, 'asked on connecting')
  server.handleReserve = handleReserve
  await until(async () => {
    await clock.advance(60_000)
    return hasPlace(client)
  }, 'a place')
})

t.test('a relay whose clock is hours behind keeps its clients', async (t) => {
  const { server, address } = await startRelay(t)
  const makeReservation = server.makeReservation.bind(server)
  server.makeReservation = (client, expire) => makeReservation(client, expire - 7_200n)
  const { host: client, places } = await startClient(t)
  await client.dial(multiaddr(address))
  await until(() => hasPlace(client), 'a place')
  t.equal(places.reservations.size, 1)
})

/** A request on the wire: its length, then the message. */
function frame(message: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(message.length), message)
}

t.test('a client that hung up on its first request keeps the place that it gets by the next', async (t) => {
  const { server, address } = await startRelay(t)
  const client = await startAdmittedHost(t, mesh, { nodeId: 'b', services: {} })
  const connection = await client.dial(multiaddr(address))
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>()
  const { promise: hungUp, resolve: goOn } = Promise.withResolvers<void>()
  const makeReservation = server.makeReservation.bind(server)
  server.makeReservation = async (peer, expire) => {
    onAsked()
    await hungUp
    return makeReservation(peer, expire)
  }
  const reserve = async (): Promise<Stream> => {
    const stream = await connection.newStream(HOP)
    stream.send(frame(Uint8Array.of(0x08, 0)))
    return stream
  }
  const first = await reserve()
  await asked
  first.abort(new Error('the link is slow'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  goOn()
  await until(() => !server.reservations.has(client.peerId), 'the relay takes it back')
  await reserve()
  await until(() => server.reservations.has(client.peerId), 'a place')
  await new Promise((resolve) => setTimeout(resolve, 1.3 * SHORT_MS))
  t.ok(server.reservations.has(client.peerId), 'the timer of the first request does not end it')
})

t.test('who hangs up before a circuit stands leaves no half of it', async (t) => {
  const { address } = await startRelay(t)
  const far = await startAdmittedHost(t, mesh, { nodeId: 'b', services: {} })
  const { promise: called, resolve: onCalled } = Promise.withResolvers<Stream>()
  await far.handle(STOP, (stream) => onCalled(stream))
  const place = await (await far.dial(multiaddr(address))).newStream(HOP)
  place.send(frame(Uint8Array.of(0x08, 0)))
  await new Promise((resolve) => place.addEventListener('message', resolve, { once: true }))
  const caller = await startAdmittedHost(t, mesh, { nodeId: 'a', services: {} })
  const near = await (await caller.dial(multiaddr(address))).newStream(HOP)
  const id = far.peerId.toMultihash().bytes
  near.send(frame(concatBytes(Uint8Array.of(0x08, 1, 0x12, id.length + 2, 0x0a, id.length), id)))
  const stream = await called
  near.abort(new Error('never mind'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  stream.send(frame(Uint8Array.of(0x08, 1, 0x20, 100)))
  await until(() => stream.status !== 'open', 'the far half is ended')
})
