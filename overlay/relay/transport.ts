import type { CircuitRelayTransportComponents } from '@libp2p/circuit-relay-v2'
import type { Connection, PeerId, Stream, Transport } from '@libp2p/interface'
import { MAX_CIRCUITS_PER_PEER } from '../limits.ts'

/** Relays at which a node has itself reserved a place: two, so that one may fail. They are found among its peers. */
export const RELAY_LISTEN_ADDRESSES: readonly string[] = ['/p2p-circuit', '/p2p-circuit']

/** What the library's transport has beyond libp2p's interface. */
type RelayTransport = Transport & {
  readonly reservationStore: { hasReservation(relay: PeerId): boolean }
  onStop(stream: Stream, connection: Connection): Promise<void>
}

/** Makes the transport that dials and listens through relays. */
export async function loadRelayTransport(): Promise<(components: CircuitRelayTransportComponents) => Transport> {
  const { circuitRelayTransport } = await import('@libp2p/circuit-relay-v2')
  const create = circuitRelayTransport({
    maxInboundStopStreams: MAX_CIRCUITS_PER_PEER,
    maxOutboundStopStreams: MAX_CIRCUITS_PER_PEER,
  })
  return (components) => {
    const transport = create(components) as RelayTransport
    const onStop = transport.onStop
    // The library would begin to listen at whatever peer brings a connection, with one more listener every time.
    transport.onStop = async (stream, connection) => {
      if (transport.reservationStore.hasReservation(connection.remotePeer)) return onStop(stream, connection)
      stream.abort(new Error('no place is reserved at this relay'))
    }
    return transport
  }
}
