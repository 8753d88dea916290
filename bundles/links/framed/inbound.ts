import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../../core/index.ts'
import { NULL_ENDPOINT } from '../../codec/index.ts'
import { BUNDLES_ERRORS } from '../../errors.ts'
import type { Contact, LinkEvents } from '../types.ts'
import { Deframer } from './deframer.ts'
import type { Framing } from './framing.ts'
import type { FramedSettings } from './options.ts'

export interface FramedDependencies {
  readonly clock: Clock
  readonly events: LinkEvents
}

/** A connection that somebody else made: bundles come from it, nothing goes back. */
export class Inbound {
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #settings: FramedSettings
  readonly #dependencies: FramedDependencies
  readonly #deframer: Deframer
  readonly #contact: Contact
  #held = 0
  #heldBytes = 0
  #heard = true
  #timer: Timer

  /** @param socket connected and paused */
  constructor(socket: Socket, framing: Framing, parts: { settings: FramedSettings; dependencies: FramedDependencies }) {
    this.#socket = socket
    this.#settings = parts.settings
    this.#dependencies = parts.dependencies
    this.#deframer = new Deframer(framing, parts.settings.maxBundleBytes)
    this.#contact = this.#makeContact(framing.name)
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    socket.once('close', () => this.#onClose())
    this.#timer = this.#watch(parts.settings.idleMs)
    this.#dependencies.events.opened(this.#contact)
    socket.resume()
  }

  close(): Promise<void> {
    this.#socket.destroy()
    return this.closed
  }

  #makeContact(layer: string): Contact {
    return {
      layer,
      peer: NULL_ENDPOINT,
      authenticated: false,
      confirmed: false,
      maxBundleBytes: 0,
      send: () => Promise.reject(BUNDLES_ERRORS.create('BUNDLES_LINK_ONE_WAY')),
      close: () => this.close(),
    }
  }

  #onData(chunk: Uint8Array): void {
    this.#heard = true
    const wasPartial = this.#deframer.partial
    this.#deframer.push(chunk)
    this.#read()
    if (!wasPartial && this.#deframer.partial) this.#rewatch(this.#settings.stallMs)
  }

  /** Hands on what is whole; stops reading while as much waits to be stored as may. */
  #read(): void {
    const { windowBundles, windowBytes } = this.#settings
    try {
      while (this.#held < windowBundles && this.#heldBytes < windowBytes && !this.#socket.destroyed) {
        const bytes = this.#deframer.next()
        if (bytes === undefined) {
          this.#socket.resume()
          return
        }
        this.#hand(bytes)
      }
      this.#socket.pause()
    } catch {
      this.#socket.destroy()
    }
  }

  #hand(bytes: Uint8Array): void {
    this.#held += 1
    this.#heldBytes += bytes.length
    const done = () => {
      this.#held -= 1
      this.#heldBytes -= bytes.length
      this.#heard = true
      if (this.#socket.isPaused()) this.#read()
    }
    this.#dependencies.events.received(bytes, this.#contact).then(done, done)
  }

  #rewatch(delayMs: number): void {
    this.#timer.cancel()
    this.#timer = this.#watch(delayMs)
  }

  #watch(delayMs: number): Timer {
    return this.#dependencies.clock.setTimer(delayMs, () => {
      const waits = this.#socket.isPaused()
      const late = this.#deframer.partial ? !this.#deframer.hasProgressed() : !this.#heard
      if (late && !waits) {
        this.#socket.destroy()
        return
      }
      this.#heard = false
      this.#timer = this.#watch(this.#deframer.partial ? this.#settings.stallMs : this.#settings.idleMs)
    })
  }

  #onClose(): void {
    this.#timer.cancel()
    this.#dependencies.events.closed(this.#contact)
  }
}
