import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../../core/index.ts'
import type { EndpointId } from '../../codec/index.ts'
import { NULL_ENDPOINT } from '../../codec/index.ts'
import { BUNDLES_ERRORS } from '../../errors.ts'
import type { Contact, Handover } from '../types.ts'
import type { Framing } from './framing.ts'
import type { FramedDependencies } from './inbound.ts'
import type { FramedSettings } from './options.ts'

/** A connection that we made: bundles go out on it. Whether they arrive is not known. */
export class Outbound implements Contact {
  readonly layer: string
  readonly peer: EndpointId
  readonly authenticated = false
  readonly confirmed = false
  readonly maxBundleBytes: number
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #framing: Framing
  readonly #pending = new Set<(error: Error) => void>()
  readonly #clock: Clock
  readonly #stallMs: number
  #timer: Timer | undefined

  /** @param socket connected and paused */
  constructor(
    socket: Socket,
    { framing, peer = NULL_ENDPOINT }: { framing: Framing; peer?: EndpointId | undefined },
    { settings, dependencies }: { settings: FramedSettings; dependencies: FramedDependencies },
  ) {
    this.layer = framing.name
    this.peer = peer
    this.maxBundleBytes = settings.maxBundleBytes
    this.#socket = socket
    this.#framing = framing
    this.#clock = dependencies.clock
    this.#stallMs = settings.stallMs
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.once('end', () => socket.destroy())
    socket.once('close', () => {
      this.#fail()
      dependencies.events.closed(this)
    })
    // Nothing comes on such a link; what does all the same is dropped.
    socket.resume()
    dependencies.events.opened(this)
  }

  send(bytes: Uint8Array): Promise<Handover> {
    if (bytes.length === 0 || bytes.length > this.maxBundleBytes) {
      return Promise.resolve({ taken: false, reason: 'unacceptable' })
    }
    if (!this.#socket.writable) return Promise.reject(BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED'))
    this.#watch()
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      this.#socket.cork()
      this.#socket.write(this.#framing.header(bytes.length))
      this.#socket.write(bytes, (error) => {
        this.#pending.delete(reject)
        if (error) reject(BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED'))
        else resolve({ taken: true })
      })
      process.nextTick(() => this.#socket.uncork())
    })
  }

  /** Lets out what was handed over, for so long as a stall may last. */
  close(): Promise<void> {
    this.#watch()
    this.#socket.destroySoon()
    return this.closed
  }

  /** While something waits, the system has to take bytes in each stall timeout. */
  #watch(): void {
    const before = this.#socket.bytesWritten - this.#socket.writableLength
    this.#timer ??= this.#clock.setTimer(this.#stallMs, () => {
      this.#timer = undefined
      const taken = this.#socket.bytesWritten - this.#socket.writableLength
      if (this.#socket.writableLength > 0 && taken === before) this.#socket.destroy()
      else if (this.#socket.writableLength > 0) this.#watch()
    })
  }

  #fail(): void {
    this.#timer?.cancel()
    for (const reject of this.#pending) reject(BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED'))
    this.#pending.clear()
  }
}
