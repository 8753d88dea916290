import type { Socket } from 'node:net'
import { nextTick } from 'node:process'
import type { Clock, Timer } from '../../../core/index.ts'
import type { EndpointId } from '../../codec/index.ts'
import { BUNDLES_ERRORS } from '../../errors.ts'
import { LINK_OUTPUT_BYTES } from '../../limits.ts'
import type { Contact, Handover, LinkEvents } from '../types.ts'
import type { Arrival } from './incoming.ts'
import type { Agreement } from './negotiate.ts'
import type { SessionSettings } from './options.ts'
import { Session, type SessionAction } from './session.ts'
import type { TlsUpgrade } from './tls.ts'

/** What a connection needs of its layer. */
export interface ConnectionDependencies {
  readonly settings: SessionSettings
  /** Undefined where the policy is `refused`. */
  readonly tls: TlsUpgrade | undefined
  readonly clock: Clock
  readonly events: LinkEvents
}

export interface ConnectionStart {
  readonly role: 'active' | 'passive'
  readonly expected?: EndpointId | undefined
}

/** Time in which the peer can read the last words, in milliseconds. */
const LINGER_MS = 1000

/** A {@link Session} on its socket: carries bytes and time in, and out what the session says. Decides nothing. */
export class Connection {
  /** The contact, once there is one. Rejects with what kept it from being. */
  readonly opened: Promise<Contact>
  /** Settles when everything is closed. */
  readonly closed: Promise<void>
  readonly #dependencies: ConnectionDependencies
  readonly #role: 'active' | 'passive'
  readonly #session: Session
  readonly #raw: Socket
  readonly #opening = Promise.withResolvers<Contact>()
  readonly #closing = Promise.withResolvers<void>()
  #stream: Socket
  #contact: Contact | undefined
  #blocked = false
  #scheduled = false
  #timer: Timer | undefined
  #timerDueMs = Number.POSITIVE_INFINITY

  /** @param raw connected and paused */
  constructor(raw: Socket, start: ConnectionStart, dependencies: ConnectionDependencies) {
    this.#raw = raw
    this.#stream = raw
    this.#role = start.role
    this.#dependencies = dependencies
    this.#session = new Session(dependencies.settings, { ...start, nowMs: this.#nowMs() })
    this.opened = this.#opening.promise
    this.opened.catch(() => undefined)
    this.closed = this.#closing.promise
    raw.once('close', () => this.#onClose())
    this.#attach(raw)
    this.#turn()
  }

  send(bytes: Uint8Array): Promise<Handover> {
    return new Promise((resolve, reject) => {
      const departure = { bytes, settled: resolve, failed: reject }
      if (!this.#session.send(departure)) return reject(BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED'))
      this.#schedule()
    })
  }

  /** Ends in good order. */
  close(): Promise<void> {
    this.#session.terminate(this.#nowMs())
    this.#turn()
    return this.closed
  }

  #nowMs(): number {
    return this.#dependencies.clock.monotonic()
  }

  #attach(stream: Socket): void {
    stream.on('data', this.#onData)
    stream.on('drain', this.#onDrain)
    stream.on('end', this.#onEnd)
  }

  #detach(stream: Socket): void {
    stream.off('data', this.#onData)
    stream.off('drain', this.#onDrain)
    stream.off('end', this.#onEnd)
    stream.pause()
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#session.receive(chunk, this.#nowMs())
    this.#turn()
  }

  readonly #onDrain = (): void => {
    this.#blocked = false
    this.#turn()
  }

  readonly #onEnd = (): void => {
    this.#session.disconnected()
    this.#turn()
  }

  #onClose(): void {
    this.#session.disconnected()
    this.#turn()
    this.#timer?.cancel()
    this.#closing.resolve()
  }

  /** What is said in one turn of the event loop goes out in one write. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    nextTick(() => {
      this.#scheduled = false
      this.#turn()
    })
  }

  /** Does what the session says until it says nothing more. */
  #turn(): void {
    do this.#flush()
    while (this.#perform(this.#session.takeActions()))
    if (this.#session.wantsInput) this.#stream.resume()
    else if (this.#session.dueMs !== Number.POSITIVE_INFINITY) this.#stream.pause()
    this.#arm()
  }

  #flush(): void {
    while (!this.#blocked) {
      const chunks = this.#session.takeOutput(LINK_OUTPUT_BYTES, this.#nowMs())
      if (chunks.length === 0 || this.#stream.destroyed) return
      this.#stream.cork()
      for (const chunk of chunks) this.#blocked = !this.#stream.write(chunk)
      this.#stream.uncork()
    }
  }

  #perform(actions: readonly SessionAction[]): boolean {
    for (const action of actions) this.#do(action)
    return actions.length > 0
  }

  #do(action: SessionAction): void {
    if (action.kind === 'received') this.#receive(action.arrival)
    else if (action.kind === 'settled') action.departure.settled(action.handover)
    else if (action.kind === 'recalled') fail(action.departures)
    else if (action.kind === 'opened') this.#open(action.agreement, action.authenticated)
    else if (action.kind === 'start-tls') this.#startTls()
    else this.#end(action)
  }

  /** Not async: this is run for every bundle. */
  #receive(arrival: Arrival): void {
    const contact = this.#contact
    if (contact === undefined) return
    const answer = (handover: Handover) => {
      this.#session.answer(arrival, handover, this.#nowMs())
      this.#schedule()
    }
    this.#dependencies.events
      .received(arrival.bytes, contact)
      .then(answer, () => answer({ taken: false, reason: 'no-resources' }))
  }

  #startTls(): void {
    const raw = this.#raw
    this.#detach(raw)
    // A ClientHello may have come together with the contact header: TLS has to see it.
    const unread = this.#session.takeUnread()
    if (unread.length > 0) raw.unshift(unread)
    const upgraded = this.#dependencies.tls?.upgrade(raw, this.#role)
    upgraded?.then(
      ({ socket, endpoint }) => {
        this.#stream = socket
        this.#blocked = false
        this.#attach(socket)
        this.#session.secured(endpoint, this.#nowMs())
        this.#turn()
      },
      (error: Error) => {
        this.#session.failed(error)
        this.#turn()
      },
    )
  }

  #open({ peer, maxBundleBytes }: Agreement, authenticated: boolean): void {
    const contact: Contact = {
      layer: 'tcpclv4',
      peer,
      authenticated,
      confirmed: true,
      maxBundleBytes,
      send: (bytes) => {
        const fits = bytes.length > 0 && bytes.length <= maxBundleBytes
        return fits ? this.send(bytes) : Promise.resolve({ taken: false, reason: 'unacceptable' })
      },
      close: () => this.close(),
    }
    this.#contact = contact
    this.#dependencies.events.opened(contact)
    this.#opening.resolve(contact)
  }

  #end({ error, failed }: Extract<SessionAction, { kind: 'ended' }>): void {
    this.#timer?.cancel()
    fail(failed)
    this.#opening.reject(error ?? BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED'))
    if (this.#contact !== undefined) this.#dependencies.events.closed(this.#contact)
    this.#contact = undefined
    if (this.#raw.destroyed) return
    const timer = this.#dependencies.clock.setTimer(LINGER_MS, () => this.#raw.destroy())
    this.#raw.once('close', () => timer.cancel())
    // Unread input would make the system cut off our last words; it is dropped.
    this.#detach(this.#stream)
    this.#stream.resume()
    this.#stream.end(() => this.#raw.destroySoon())
  }

  /** One timer; it is moved only when something is due sooner, so that traffic does not cost timers. */
  #arm(): void {
    const dueMs = this.#session.dueMs
    if (dueMs >= this.#timerDueMs) return
    this.#timer?.cancel()
    this.#timerDueMs = dueMs
    this.#timer = this.#dependencies.clock.setTimer(Math.max(0, dueMs - this.#nowMs()), () => {
      this.#timerDueMs = Number.POSITIVE_INFINITY
      this.#session.tick(this.#nowMs())
      this.#turn()
    })
  }
}

function fail(departures: readonly { failed: (error: Error) => void }[]): void {
  for (const { failed } of departures) failed(BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED'))
}
