import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock, Timer } from '../../core/index.ts'
import { MAX_RATE_LIMITED_CLIENTS } from '../limits.ts'
import { RateLimiter } from '../rate-limiter.ts'
import { clientNetwork } from './client-network.ts'

export interface ConnectionLimits {
  /** Most connections from one address. */
  readonly maxPerAddress: number
  /** How long a TLS handshake may take, whatever arrives meanwhile. */
  readonly handshakeMs: number
  /** Connections that an address may open at once, and per minute in the long run: each costs a handshake. */
  readonly rateBurst: number
  readonly ratePerMinute: number
}

/**
 * Ends connections beyond an address's share or pace, and those whose handshake does not come to its end in time.
 * @returns close: ends what is in its handshake, which Node's server knows nothing of, and whatever comes later
 */
export function guardConnections(
  server: Server,
  limits: ConnectionLimits,
  { clock }: { clock: Clock },
): { close(): void } {
  const held = new Map<string, number>()
  const handshakes = new Map<string, { readonly socket: Socket; readonly timer: Timer }>()
  let closed = false
  const { rateBurst: burst, ratePerMinute: perMinute } = limits
  const pace = new RateLimiter({ burst, perMinute, maxClients: MAX_RATE_LIMITED_CLIENTS }, { clock })
  server.on('connection', (socket: Socket) => {
    const address = clientNetwork(socket.remoteAddress ?? '')
    const count = (held.get(address) ?? 0) + 1
    if (closed || count > limits.maxPerAddress || !pace.take(address)) {
      socket.destroy()
      return
    }
    held.set(address, count)
    const end = endpointOf(socket)
    // Node's own limit on handshakes counts from the last byte, so that a byte now and then would hold them open.
    const timer = clock.setTimer(limits.handshakeMs, () => socket.destroy(), { unref: true })
    handshakes.set(end, { socket, timer })
    socket.once('close', () => {
      timer.cancel()
      if (handshakes.get(end)?.socket === socket) handshakes.delete(end)
      const left = (held.get(address) ?? 1) - 1
      if (left === 0) held.delete(address)
      else held.set(address, left)
    })
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    handshakes.get(endpointOf(socket))?.timer.cancel()
    handshakes.delete(endpointOf(socket))
  })
  return {
    close() {
      closed = true
      for (const { socket } of handshakes.values()) socket.destroy()
    },
  }
}

/** The other side of a connection: the same for the TCP socket and the TLS socket above it. */
function endpointOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
