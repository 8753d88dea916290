import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import { MAX_LINK_SESSIONS, MAX_LINK_SESSIONS_PER_ADDRESS } from '../limits.ts'
import { formatSocketAddress, networkOf, parseSocketAddress, type SocketAddress } from './address.ts'

export interface ListenOptions {
  /** `HOST:PORT` each, or `PORT` on the loopback; port 0 takes a free one. */
  readonly addresses: readonly string[]
  /** Connections at once. Default MAX_LINK_SESSIONS. */
  readonly maxSessions?: number | undefined
  /** Connections at once from one address (from one /64 network of IPv6). Default MAX_LINK_SESSIONS_PER_ADDRESS. */
  readonly maxSessionsPerAddress?: number | undefined
}

/** Listens for connections and hangs up on those above the caps before a byte of them is read. */
export class SocketListener {
  readonly #servers: Server[] = []
  readonly #perNetwork = new Map<string, number>()
  #sessions = 0

  /**
   * @throws BUNDLES_LINK_ADDRESS, BUNDLES_LINK_FAILED when one of the addresses cannot be had; nothing listens then
   */
  async start(options: ListenOptions, onSocket: (socket: Socket) => void): Promise<readonly string[]> {
    const { maxSessions = MAX_LINK_SESSIONS, maxSessionsPerAddress = MAX_LINK_SESSIONS_PER_ADDRESS } = options
    const admit = (socket: Socket) => {
      guard(socket)
      const network = networkOf(socket.remoteAddress)
      const others = this.#perNetwork.get(network) ?? 0
      if (this.#sessions >= maxSessions || others >= maxSessionsPerAddress) {
        socket.destroy()
        return
      }
      this.#count(network, 1)
      socket.once('close', () => this.#count(network, -1))
      onSocket(socket)
    }
    try {
      const places: string[] = []
      for (const address of options.addresses.map(parseSocketAddress)) places.push(await this.#listen(address, admit))
      return places
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Listens no more; connections stay. */
  async close(): Promise<void> {
    for (const server of this.#servers.splice(0)) server.close()
  }

  #listen({ host, port }: SocketAddress, admit: (socket: Socket) => void): Promise<string> {
    const server = createServer({ noDelay: true, pauseOnConnect: true }, admit)
    return new Promise((resolve, reject) => {
      server.once('error', (cause) => reject(BUNDLES_ERRORS.create('BUNDLES_LINK_FAILED', { cause })))
      server.listen(port, host, () => {
        this.#servers.push(server)
        // An error of a listening server is that of one connection; the others go on.
        server.on('error', () => undefined)
        const bound = server.address()
        resolve(formatSocketAddress({ host, port: typeof bound === 'object' && bound !== null ? bound.port : port }))
      })
    })
  }

  #count(network: string, change: number): void {
    this.#sessions += change
    const count = (this.#perNetwork.get(network) ?? 0) + change
    if (count > 0) this.#perNetwork.set(network, count)
    else this.#perNetwork.delete(network)
  }
}

/**
 * Connects, paused.
 * @throws BUNDLES_LINK_FAILED, BUNDLES_LINK_TIMEOUT
 */
export function dial(to: SocketAddress, { clock, timeoutMs }: { clock: Clock; timeoutMs: number }): Promise<Socket> {
  const socket = guard(connect({ ...to, noDelay: true }))
  socket.pause()
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, () => fail(BUNDLES_ERRORS.create('BUNDLES_LINK_TIMEOUT')))
    const fail = (error: Error) => {
      timer.cancel()
      socket.destroy()
      reject(error)
    }
    socket.once('error', (cause) => fail(BUNDLES_ERRORS.create('BUNDLES_LINK_FAILED', { cause })))
    socket.once('connect', () => {
      timer.cancel()
      resolve(socket)
    })
  })
}

/** A socket whose errors are seen through its end, so that none is left without a listener. */
function guard(socket: Socket): Socket {
  socket.on('error', () => undefined)
  return socket
}
