import { BUNDLES_ERRORS } from '../../errors.ts'
import { parseDestination, parseSocketAddress } from '../address.ts'
import { dial, SocketListener } from '../sockets.ts'
import type { Contact, ConvergenceLayer } from '../types.ts'
import type { Framing } from './framing.ts'
import { type FramedDependencies, Inbound } from './inbound.ts'
import { MTCP } from './mtcp.ts'
import { type FramedOptions, type FramedSettings, framedSettings } from './options.ts'
import { Outbound } from './outbound.ts'
import { STCP } from './stcp.ts'

/**
 * MTCP (draft-ietf-dtn-mtcpcl), as µD3TN and dtn7 speak it: neither acknowledged nor authenticated nor encrypted. Who
 * dials sends, who listens receives.
 * @throws BUNDLES_LINK_ADDRESS, BUNDLES_LINK_FAILED
 */
export function startMtcp(options: FramedOptions, dependencies: FramedDependencies): Promise<ConvergenceLayer> {
  return start(MTCP, options, dependencies)
}

/**
 * STCP (draft-burleigh-dtn-stcp), as ION and HDTN speak it: neither acknowledged nor authenticated nor encrypted. Who
 * dials sends, who listens receives.
 * @throws BUNDLES_LINK_ADDRESS, BUNDLES_LINK_FAILED
 */
export function startStcp(options: FramedOptions, dependencies: FramedDependencies): Promise<ConvergenceLayer> {
  return start(STCP, options, dependencies)
}

async function start(framing: Framing, options: FramedOptions, dependencies: FramedDependencies): Promise<Layer> {
  const { listen = [], ...rest } = options
  const layer = new Layer(framing, framedSettings(rest), dependencies)
  await layer.listen({ ...rest, addresses: listen })
  return layer
}

class Layer implements ConvergenceLayer {
  readonly name: string
  listening: readonly string[] = []
  readonly #framing: Framing
  readonly #parts: { readonly settings: FramedSettings; readonly dependencies: FramedDependencies }
  readonly #listener = new SocketListener()
  readonly #connections = new Set<Inbound | Outbound>()
  #closed = false

  constructor(framing: Framing, settings: FramedSettings, dependencies: FramedDependencies) {
    this.name = framing.name
    this.#framing = framing
    this.#parts = { settings, dependencies }
  }

  async listen(options: FramedOptions & { addresses: readonly string[] }): Promise<void> {
    const { addresses, maxSessions, maxSessionsPerAddress } = options
    this.listening = await this.#listener.start({ addresses, maxSessions, maxSessionsPerAddress }, (socket) => {
      this.#keep(new Inbound(socket, this.#framing, this.#parts))
    })
  }

  async connect(address: string): Promise<Contact> {
    const { place, endpoint } = parseDestination(address)
    const { settings, dependencies } = this.#parts
    const timing = { clock: dependencies.clock, timeoutMs: settings.connectMs }
    const socket = await dial(parseSocketAddress(place), timing)
    if (this.#closed) {
      socket.destroy()
      throw BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED')
    }
    return this.#keep(new Outbound(socket, { framing: this.#framing, peer: endpoint }, this.#parts))
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#listener.close()
    await Promise.all([...this.#connections].map((connection) => connection.close()))
  }

  #keep<Kind extends Inbound | Outbound>(connection: Kind): Kind {
    this.#connections.add(connection)
    void connection.closed.then(() => this.#connections.delete(connection))
    return connection
  }
}
