import type { Socket } from 'node:net'
import type { Clock } from '../../../core/index.ts'
import { BUNDLES_ERRORS } from '../../errors.ts'
import { parseDestination, parseSocketAddress } from '../address.ts'
import { dial, SocketListener } from '../sockets.ts'
import type { Contact, ConvergenceLayer, LinkEvents } from '../types.ts'
import { Connection, type ConnectionStart } from './connection.ts'
import { type SessionOptions, type SessionSettings, sessionSettings } from './options.ts'
import { type LinkSecurity, TlsUpgrade } from './tls.ts'

export interface TcpclOptions extends SessionOptions {
  /** `HOST:PORT` each, or `PORT` on the loopback. Default: nowhere. */
  readonly listen?: readonly string[]
  /** Default MAX_LINK_SESSIONS. */
  readonly maxSessions?: number
  /** Default MAX_LINK_SESSIONS_PER_ADDRESS. */
  readonly maxSessionsPerAddress?: number
}

export interface TcpclDependencies {
  readonly clock: Clock
  readonly events: LinkEvents
  /** Needed unless TLS is `refused`. */
  readonly security?: LinkSecurity
}

/** TCPCLv4 as a convergence layer. */
export interface TcpclLayer extends ConvergenceLayer {
  /** Shows another certificate from the next session on. */
  renew(security: LinkSecurity): void
}

/**
 * TCPCLv4 (RFC 9174): acknowledged bundles over TCP, with TLS by mesh certificates where the policy has it.
 * @throws BUNDLES_LINK_ADDRESS, BUNDLES_LINK_FAILED
 */
export async function startTcpcl(options: TcpclOptions, dependencies: TcpclDependencies): Promise<TcpclLayer> {
  const { listen = [], maxSessions, maxSessionsPerAddress, ...session } = options
  const settings = sessionSettings(session)
  if (settings.tls !== 'refused' && dependencies.security === undefined) throw new TypeError('TLS needs a security')
  const layer = new Layer(settings, dependencies)
  await layer.listen({ addresses: listen, maxSessions, maxSessionsPerAddress })
  return layer
}

class Layer implements TcpclLayer {
  readonly name = 'tcpclv4'
  listening: readonly string[] = []
  readonly #settings: SessionSettings
  readonly #dependencies: TcpclDependencies
  readonly #listener = new SocketListener()
  readonly #connections = new Set<Connection>()
  #tls: TlsUpgrade | undefined
  #closed = false

  constructor(settings: SessionSettings, dependencies: TcpclDependencies) {
    this.#settings = settings
    this.#dependencies = dependencies
    if (settings.tls !== 'refused' && dependencies.security !== undefined) this.renew(dependencies.security)
  }

  async listen(options: Parameters<SocketListener['start']>[0]): Promise<void> {
    this.listening = await this.#listener.start(options, (socket) => void this.#add(socket, { role: 'passive' }))
  }

  renew(security: LinkSecurity): void {
    this.#tls = new TlsUpgrade(security)
  }

  async connect(address: string): Promise<Contact> {
    const { place, endpoint } = parseDestination(address)
    const { clock } = this.#dependencies
    const socket = await dial(parseSocketAddress(place), { clock, timeoutMs: this.#settings.establishMs })
    if (this.#closed) {
      socket.destroy()
      throw BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED')
    }
    return this.#add(socket, { role: 'active', expected: endpoint }).opened
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#listener.close()
    await Promise.all([...this.#connections].map((connection) => connection.close()))
  }

  #add(socket: Socket, start: ConnectionStart): Connection {
    const { clock, events } = this.#dependencies
    const connection = new Connection(socket, start, { settings: this.#settings, tls: this.#tls, clock, events })
    this.#connections.add(connection)
    void connection.closed.then(() => this.#connections.delete(connection))
    return connection
  }
}
