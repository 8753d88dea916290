import type {
  CircuitRelayServerComponents,
  CircuitRelayServerInit,
  CircuitRelayService,
} from '@libp2p/circuit-relay-v2'
import type { AbortOptions, Connection, Libp2pEvents, PeerId, Stream, TypedEventTarget } from '@libp2p/interface'
import { MAX_CIRCUITS, MAX_CIRCUITS_PER_PEER } from '../limits.ts'
import { pace } from './pace.ts'

type Components = CircuitRelayServerComponents & { readonly events: TypedEventTarget<Libp2pEvents> }

/** What the library's server has beyond its interface: `onHop` takes a request, `stopHop` opens the far half of a circuit. */
type RelayServer = CircuitRelayService & {
  readonly reservationStore: { reserve(client: PeerId, ...others: unknown[]): unknown }
  onHop(this: RelayServer, stream: Stream, connection: Connection): Promise<void>
  stopHop(request: object, options: AbortOptions): Promise<Stream | undefined>
}

/** After so long a client asks for its place again. The server keeps it for as long as the client is connected. */
const RESERVATION_MS = 3_600_000

/** Makes the relay. Who may use it is asked of libp2p's gates; how much passes through it is not limited, only how fast. */
export async function loadRelayServer(options: {
  readonly maxReservations: number
  /** What a client is told of how long its place lasts, in milliseconds. Default an hour. */
  readonly reservationMs?: number
}): Promise<(components: Components) => CircuitRelayService> {
  const { circuitRelayServer } = await import('@libp2p/circuit-relay-v2')
  const init: CircuitRelayServerInit = {
    reservations: {
      maxReservations: options.maxReservations,
      reservationTtl: options.reservationMs ?? RESERVATION_MS,
      applyDefaultLimit: false,
    },
    maxInboundHopStreams: MAX_CIRCUITS_PER_PEER,
    maxOutboundStopStreams: MAX_CIRCUITS_PER_PEER,
  }
  return (components) => {
    const server = circuitRelayServer(init)(components) as RelayServer
    components.events.addEventListener('peer:disconnect', ({ detail }) => release(server, detail))
    return bounded(lasting(server))
  }
}

/** Counts and paces the circuits of `server`. */
function bounded(server: RelayServer): RelayServer {
  const { onHop } = Object.getPrototypeOf(server) as RelayServer
  let circuits = 0
  server.onHop = async (near, connection) => {
    let far: Stream | undefined
    const stopHop: RelayServer['stopHop'] = async (request, options) => {
      if (circuits >= MAX_CIRCUITS) return undefined
      circuits += 1
      far = await server.stopHop(request, options).catch(() => undefined)
      if (far?.status !== 'open') circuits -= 1
      else {
        far.addEventListener('close', () => {
          circuits -= 1
        })
        pace(near, far)
      }
      return far
    }
    try {
      await onHop.call(Object.create(server, { stopHop: { value: stopHop } }), near, connection)
    } finally {
      // The library leaves a far half open that it could not join, and whoever hangs up early would fill the relay.
      if (near.status === 'reset' || near.status === 'aborted') far?.abort(new Error('the caller is gone'))
    }
  }
  return server
}

/**
 * Keeps places for good: the library's own timer ends one, with all its circuits, when it is renewed a second time, and that of
 * a client which hung up during its request ends the place that it gets later.
 */
function lasting(server: RelayServer): RelayServer {
  const store = server.reservationStore
  const reserve = store.reserve.bind(store)
  store.reserve = (client, ...others) => {
    const outcome = reserve(client, ...others)
    const signal = server.reservations.get(client)?.signal
    signal?.clear()
    if (signal !== undefined) signal.reset = () => {}
    return outcome
  }
  return server
}

/** Frees the place of a client that has gone. */
function release(server: RelayServer, client: PeerId): void {
  server.reservations.get(client)?.signal.clear()
  server.reservations.delete(client)
}
