import type { CircuitRelayTransportComponents } from '@libp2p/circuit-relay-v2'
import type { Connection, PeerData, PeerId, PeerStore, Stream, Transport, TypedEventTarget } from '@libp2p/interface'
import type { Clock, Timer } from '../../core/index.ts'
import { MAX_CIRCUITS_PER_PEER } from '../limits.ts'

/** Relays at which a node has itself reserved a place: two, so that one may fail. They are found among its peers. */
export const RELAY_LISTEN_ADDRESSES: readonly string[] = ['/p2p-circuit', '/p2p-circuit']

/** The protocol by which a relay is asked for a place. */
const HOP = '/libp2p/circuit/relay/0.2.0/hop'

/** Connected relays are asked again for a place that is missing: this long after it was lost, and so often from then on. */
const LOST_MS = 1_000
const MISSING_MS = 60_000

/** What the library's transport has beyond libp2p's interface. */
type RelayTransport = Transport & {
  readonly reservationStore: TypedEventTarget<{ 'relay:removed': CustomEvent }> & {
    /** Places that are looked for. */
    readonly pendingReservations: readonly string[]
    hasReservation(relay: PeerId): boolean
    addRelay(relay: PeerId, type: 'discovered'): Promise<unknown>
  }
  start(): Promise<void>
  stop(): Promise<void>
  onStop(stream: Stream, connection: Connection): Promise<void>
}

/** Makes the transport that dials and listens through relays. */
export async function loadRelayTransport(dependencies: {
  readonly clock: Clock
}): Promise<(components: CircuitRelayTransportComponents) => Transport> {
  const { circuitRelayTransport } = await import('@libp2p/circuit-relay-v2')
  const create = circuitRelayTransport({
    maxInboundStopStreams: MAX_CIRCUITS_PER_PEER,
    maxOutboundStopStreams: MAX_CIRCUITS_PER_PEER,
  })
  return (components) => {
    const transport = create(timeless(components)) as RelayTransport
    const onStop = transport.onStop
    // The library would begin to listen at whatever peer brings a connection, with one more listener every time.
    transport.onStop = async (stream, connection) => {
      if (transport.reservationStore.hasReservation(connection.remotePeer)) return onStop(stream, connection)
      stream.abort(new Error('no place is reserved at this relay'))
    }
    return insisting(transport, { ...dependencies, components })
  }
}

/**
 * The library marks a relay until its place ends, by the clock of this machine, and gives the place up where that moment has
 * passed: a relay whose clock is an hour behind would be of no use. The mark goes with the place.
 */
function timeless(components: CircuitRelayTransportComponents): CircuitRelayTransportComponents {
  const peerStore: Pick<PeerStore, 'all' | 'merge'> = {
    all: (query) => components.peerStore.all(query),
    merge: (peer, data, options) => components.peerStore.merge(peer, withoutEnd(data), options),
  }
  return Object.create(components, { peerStore: { value: peerStore } })
}

function withoutEnd(data: PeerData): PeerData {
  if (data.tags === undefined) return data
  const tags = Object.entries(data.tags as Record<string, { value?: number } | undefined>)
  return { ...data, tags: Object.fromEntries(tags.map(([name, tag]) => [name, tag && { value: tag.value ?? 0 }])) }
}

/** The library asks a relay once on connecting: whoever got no place then, or lost it while connected, would stay without. */
function insisting(
  transport: RelayTransport,
  { clock, components }: { clock: Clock; components: CircuitRelayTransportComponents },
): RelayTransport {
  const { start, stop, reservationStore } = transport
  let timer: Timer | undefined
  let isStarted = false
  const askIn = (delayMs: number) => {
    timer?.cancel()
    if (!isStarted) return
    const ask = () => void askRelays(transport, components).finally(() => askIn(MISSING_MS))
    timer = clock.setTimer(delayMs, ask, { unref: true })
  }
  reservationStore.addEventListener('relay:removed', () => askIn(LOST_MS))
  return Object.assign(transport, {
    start: async () => {
      await start.call(transport)
      isStarted = true
      askIn(MISSING_MS)
    },
    stop: async () => {
      isStarted = false
      timer?.cancel()
      await stop.call(transport)
    },
  })
}

async function askRelays(
  { reservationStore }: RelayTransport,
  { peerStore, connectionManager }: CircuitRelayTransportComponents,
): Promise<void> {
  if (reservationStore.pendingReservations.length === 0) return
  const relays = await peerStore.all({ filters: [({ protocols }) => protocols.includes(HOP)] }).catch(() => [])
  for (const { id } of relays) {
    if (reservationStore.hasReservation(id) || connectionManager.getConnections(id).length === 0) continue
    await reservationStore.addRelay(id, 'discovered').catch(() => {})
  }
}
