import type { EndpointId } from '../../codec/index.ts'
import { BUNDLES_ERRORS } from '../../errors.ts'
import { LINK_OUTPUT_BYTES, MAX_LINK_REJECTS } from '../../limits.ts'
import type { Handover } from '../types.ts'
import { type Arrival, Incoming } from './incoming.ts'
import { Input } from './input.ts'
import { readAck } from './messages/ack.ts'
import { readContactHeader, TCPCL_VERSION, writeContactHeader } from './messages/contact-header.ts'
import { readKeepalive, writeKeepalive } from './messages/keepalive.ts'
import { readRefuse } from './messages/refuse.ts'
import { readReject, writeReject } from './messages/reject.ts'
import { readSegmentHead } from './messages/segment.ts'
import { readSessionInit, writeSessionInit } from './messages/session-init.ts'
import { readTerminate, writeTerminate } from './messages/terminate.ts'
import { type Agreement, agreeOnSession, agreeOnTls, type Refusal } from './negotiate.ts'
import { MESSAGE, REFUSE, REJECT, TERMINATE } from './numbers.ts'
import type { SessionSettings } from './options.ts'
import { type AnswerFlaw, type Departure, Outgoing, type Settled } from './outgoing.ts'
import { Output } from './output.ts'
import { Watch } from './watch.ts'

/** What the shell has to do; in this order. */
export type SessionAction =
  /** Upgrade the connection; nothing was read beyond the contact header. Then call `secured`. */
  | { readonly kind: 'start-tls' }
  | { readonly kind: 'opened'; readonly agreement: Agreement; readonly authenticated: boolean }
  /** Store the bundle, then call `answer`. */
  | { readonly kind: 'received'; readonly arrival: Arrival }
  | ({ readonly kind: 'settled' } & Settled)
  /** Write what waits, then close. Departures whose fate is not known are `failed`. */
  | { readonly kind: 'ended'; readonly error: Error | undefined; readonly failed: readonly Departure[] }
  /** These did not begin before the session was told to end. */
  | { readonly kind: 'recalled'; readonly departures: readonly Departure[] }

export interface SessionStart {
  /** `active` dialled; it speaks first and is the TLS client. */
  readonly role: 'active' | 'passive'
  /** Whom the dialler wants. */
  readonly expected?: EndpointId | undefined
  /** On the shell's monotonic clock, in milliseconds; all times are. */
  readonly nowMs: number
}

/** Answers that wait because the peer does not read them; it is not read from then either. */
const UNWRITTEN_BYTES = 4 * LINK_OUTPUT_BYTES

type Phase = 'contact' | 'tls' | 'init' | 'open' | 'ending' | 'ended'

/**
 * A TCPCLv4 session (RFC 9174) without its socket: bytes, bundles and time in; bytes and actions out. It reads no
 * clock, and holds at most its window, one bundle that is coming and one read of the socket.
 */
export class Session {
  readonly #settings: SessionSettings
  readonly #start: SessionStart
  readonly #input = new Input()
  readonly #out = new Output()
  readonly #incoming: Incoming
  readonly #outgoing: Outgoing
  readonly #watch: Watch
  #actions: SessionAction[] = []
  #phase: Phase = 'contact'
  #proven: EndpointId | undefined
  #rejects = 0
  #told = false
  #heard = false

  constructor(settings: SessionSettings, start: SessionStart) {
    this.#settings = settings
    this.#start = start
    this.#incoming = new Incoming(this.#out, settings.maxBundleBytes)
    this.#outgoing = new Outgoing(this.#out)
    this.#watch = new Watch(settings, start.nowMs)
    if (start.role === 'active') this.#writeHeader()
  }

  /** False while the shell must not read: TLS is being set up, the window is full, the peer takes nothing, or all is over. */
  get wantsInput(): boolean {
    return this.#phase !== 'tls' && this.#phase !== 'ended' && !this.#windowFull && this.#out.bytes < UNWRITTEN_BYTES
  }

  /** When to call `tick`, in milliseconds on the shell's clock; Infinity: never. */
  get dueMs(): number {
    return this.#phase === 'ended' ? Number.POSITIVE_INFINITY : this.#watch.dueMs(this.#view())
  }

  /** What happened since the last call. */
  takeActions(): SessionAction[] {
    const taken = this.#actions
    this.#actions = []
    return taken
  }

  /** Bytes to write, segments among them until `maxBytes`. */
  takeOutput(maxBytes: number, nowMs: number): Uint8Array[] {
    if (this.#phase === 'open' || this.#phase === 'ending') this.#outgoing.fill(maxBytes)
    if (this.#out.bytes > 0) this.#watch.sent(nowMs)
    if (!this.#outgoing.idle) this.#watch.awaiting(nowMs)
    const taken = this.#out.take()
    if (this.#input.left > 0) this.#advance(nowMs)
    return taken
  }

  /** Bytes that were read ahead of TLS and belong to it. */
  takeUnread(): Uint8Array {
    return this.#input.some(this.#input.left)
  }

  receive(chunk: Uint8Array, nowMs: number): void {
    if (this.#phase === 'ended') return
    this.#watch.received(nowMs, chunk.length)
    this.#input.push(chunk)
    this.#advance(nowMs)
  }

  /** TLS stands, and the peer's certificate proves `endpoint`; undefined: it could not be, and all ends. */
  secured(endpoint: EndpointId | undefined, nowMs: number): void {
    if (this.#phase !== 'tls') return
    this.#proven = endpoint
    if (endpoint !== undefined) this.#beginInit()
    else this.#refuse({ reason: TERMINATE.contactFailure, error: BUNDLES_ERRORS.create('BUNDLES_LINK_IDENTITY') })
    this.#advance(nowMs)
  }

  /** Takes a bundle to be sent, in the order of the calls. False when the session takes no more. */
  send(departure: Departure): boolean {
    if (this.#phase !== 'open') return false
    this.#outgoing.push(departure)
    return true
  }

  /** What became of a bundle that was `received`. */
  answer(arrival: Arrival, handover: Handover, nowMs: number): void {
    if (this.#phase === 'ended') return
    const wasFull = this.#windowFull
    this.#incoming.answer(arrival, handover)
    if (wasFull && !this.#windowFull) this.#watch.received(nowMs, 0)
    if (wasFull) this.#advance(nowMs)
    else if (this.#phase === 'ending') this.#endIfDone()
  }

  /** Ends the session in good order: transfers under way are finished, nothing new begins. */
  terminate(nowMs: number, reason: number = TERMINATE.unknown): void {
    if (this.#phase === 'open') this.#beginEnding(reason, nowMs)
    else if (this.#phase !== 'ending') this.#end(BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED'))
    this.#endIfDone()
  }

  /** The connection is gone. */
  disconnected(): void {
    const clean = this.#phase === 'ending' && this.#incoming.idle && this.#outgoing.idle
    this.#end(clean ? undefined : BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED'))
  }

  /** TLS could not be set up. */
  failed(error: Error): void {
    this.#end(error)
  }

  /** Looks at the clock: keepalives and everything that takes too long. */
  tick(nowMs: number): void {
    if (this.#phase === 'ended') return
    const verdict = this.#watch.look(nowMs, this.#view())
    if (verdict === 'keepalive') writeKeepalive(this.#out)
    else if (verdict === 'idle') this.terminate(nowMs, TERMINATE.idleTimeout)
    else if (verdict === 'late') {
      const speaks = this.#phase === 'open' || this.#phase === 'ending'
      const error = BUNDLES_ERRORS.create('BUNDLES_LINK_TIMEOUT')
      if (speaks) this.#refuse({ reason: TERMINATE.idleTimeout, error })
      else this.#end(error)
    }
  }

  get #windowFull(): boolean {
    const { windowBundles, windowBytes } = this.#settings
    return this.#incoming.waiting >= windowBundles || this.#incoming.heldBytes >= windowBytes
  }

  get #isDone(): boolean {
    return this.#heard && this.#incoming.idle && this.#outgoing.idle
  }

  get #partial(): boolean {
    return this.#input.left > 0 || this.#incoming.inSegment || this.#incoming.open
  }

  #view() {
    return {
      phase: this.#phase,
      reading: this.wantsInput,
      partial: this.#partial,
      unanswered: !this.#outgoing.idle,
      busy: !this.#incoming.idle || !this.#outgoing.idle || this.#outgoing.ready,
    }
  }

  #advance(nowMs: number): void {
    try {
      while (this.wantsInput && this.#step(nowMs)) {}
      this.#endIfDone()
    } catch (error) {
      if (!(error instanceof Error)) throw error
      this.#violation(REJECT.unsupported, this.#input.peek() ?? 0, error)
    }
    this.#watch.progress(nowMs, { partial: this.#partial, unwritten: this.#out.bytes > 0 })
  }

  /** Reads one thing; false where not enough of it has come. */
  #step(nowMs: number): boolean {
    if (this.#phase === 'contact') return this.#readHeader()
    if (this.#incoming.inSegment) return this.#readData()
    const type = this.#input.peek()
    if (type === undefined) return false
    if (this.#phase === 'init' && type !== MESSAGE.init && type !== MESSAGE.terminate && type !== MESSAGE.reject) {
      return this.#violation(REJECT.unexpected, type)
    }
    return this.#readMessage(type, nowMs)
  }

  #readMessage(type: number, nowMs: number): boolean {
    switch (type) {
      case MESSAGE.segment:
        return this.#readSegment(nowMs)
      case MESSAGE.ack:
        return this.#answered(type, readAck, (ack) => this.#outgoing.ack(ack), nowMs)
      case MESSAGE.refuse:
        return this.#answered(type, readRefuse, (refuse) => this.#outgoing.refuse(refuse), nowMs)
      case MESSAGE.keepalive:
        return this.#input.whole(readKeepalive) === undefined
      case MESSAGE.terminate:
        return this.#readTerminate(nowMs)
      case MESSAGE.reject:
        return this.#readReject()
      case MESSAGE.init:
        return this.#readInit(nowMs)
      default:
        return this.#violation(REJECT.typeUnknown, type)
    }
  }

  #readHeader(): boolean {
    const header = this.#input.whole(readContactHeader)
    if (header === undefined) return false
    if (this.#start.role === 'passive') this.#writeHeader()
    const tls = agreeOnTls(this.#settings.tls, header)
    if (typeof tls === 'object') return this.#refuse(tls)
    if (!tls) return this.#beginInit()
    this.#phase = 'tls'
    this.#actions.push({ kind: 'start-tls' })
    return false
  }

  #writeHeader(): void {
    writeContactHeader(this.#out, { version: TCPCL_VERSION, canTls: this.#settings.tls !== 'refused' })
  }

  /** The dialler speaks first; the listener answers once it is content, so that who is refused never has a session. */
  #beginInit(): boolean {
    this.#phase = 'init'
    if (this.#start.role === 'active') this.#writeInit()
    return true
  }

  #writeInit(): void {
    const { keepaliveS, maxBundleBytes, nodeId } = this.#settings
    writeSessionInit(this.#out, { keepaliveS, nodeId, segmentMru: maxBundleBytes, transferMru: maxBundleBytes })
  }

  #readInit(nowMs: number): boolean {
    const init = this.#input.whole(readSessionInit)
    if (init === undefined) return false
    if (this.#phase !== 'init') return this.#outOfPlace(MESSAGE.init)
    const known = { proven: this.#proven, expected: this.#start.expected }
    const agreement = agreeOnSession(this.#settings, init, known)
    if ('error' in agreement) return this.#refuse(agreement)
    if (this.#start.role === 'passive') this.#writeInit()
    this.#phase = 'open'
    this.#outgoing.segmentBytes = agreement.segmentBytes
    this.#watch.opened(nowMs, agreement.keepaliveMs)
    this.#actions.push({ kind: 'opened', agreement, authenticated: this.#proven !== undefined })
    return true
  }

  #readSegment(nowMs: number): boolean {
    const head = this.#input.whole(readSegmentHead)
    if (head === undefined) return false
    this.#watch.busy(nowMs)
    const refuseWith = this.#phase === 'ending' ? REFUSE.sessionTerminating : undefined
    const flaw = this.#incoming.begin(head, refuseWith)
    if (flaw === 'too long') {
      return this.#refuse({
        reason: TERMINATE.resourceExhaustion,
        error: BUNDLES_ERRORS.create('BUNDLES_LINK_MALFORMED'),
      })
    }
    return flaw === undefined || this.#violation(REJECT.unexpected, MESSAGE.segment)
  }

  #readData(): boolean {
    const { left } = this.#incoming
    if (left > 0 && this.#input.left === 0) return false
    const arrival = this.#incoming.data(this.#input.some(left))
    if (arrival !== undefined) this.#actions.push({ kind: 'received', arrival })
    return true
  }

  #answered<Message>(
    type: number,
    read: (input: Input) => Message,
    apply: (message: Message) => Settled | AnswerFlaw | undefined,
    nowMs: number,
  ): boolean {
    const message = this.#input.whole(read)
    if (message === undefined) return false
    const result = apply(message)
    if (result === 'false') return this.#violation(REJECT.unexpected, type)
    if (result === 'unknown') return this.#outOfPlace(type)
    this.#watch.answered(nowMs, !this.#outgoing.idle)
    if (result !== undefined) this.#actions.push({ kind: 'settled', ...result })
    return true
  }

  #readTerminate(nowMs: number): boolean {
    const terminate = this.#input.whole(readTerminate)
    if (terminate === undefined) return false
    this.#heard = true
    if (this.#phase === 'init') {
      this.#end(BUNDLES_ERRORS.create('BUNDLES_LINK_REFUSED', { metadata: { reason: terminate.reason } }))
      return false
    }
    if (!this.#told) this.#beginEnding(terminate.reason, nowMs, true)
    return true
  }

  /** The peer did not understand something of ours; what that was about is not coming any more. */
  #readReject(): boolean {
    const reject = this.#input.whole(readReject)
    if (reject === undefined) return false
    const harmless = reject.type === MESSAGE.keepalive || reject.type === MESSAGE.ack || reject.type === MESSAGE.refuse
    if (harmless && this.#phase !== 'init') return true
    return this.#refuse({ reason: TERMINATE.unknown, error: BUNDLES_ERRORS.create('BUNDLES_LINK_REFUSED') })
  }

  #beginEnding(reason: number, nowMs: number, reply = false): void {
    this.#tell(reason, reply)
    this.#phase = 'ending'
    this.#watch.ending(nowMs)
    const departures = this.#outgoing.recall()
    if (departures.length > 0) this.#actions.push({ kind: 'recalled', departures })
  }

  /** Tells the peer once that, and why, it is over. */
  #tell(reason: number, reply = false): void {
    if (!this.#told) writeTerminate(this.#out, { reply, reason })
    this.#told = true
  }

  /** A message that is well formed and not for now is answered, so often, and passed over (RFC 9174 §5.1.2). */
  #outOfPlace(type: number): boolean {
    this.#rejects += 1
    if (this.#rejects > MAX_LINK_REJECTS) return this.#violation(REJECT.unexpected, type)
    writeReject(this.#out, { reason: REJECT.unexpected, type })
    return true
  }

  /** A message after which nothing can be read any more. */
  #violation(reason: number, type: number, cause?: Error): false {
    const error = cause ?? BUNDLES_ERRORS.create('BUNDLES_LINK_UNEXPECTED')
    if (this.#phase === 'contact') return this.#end(error)
    writeReject(this.#out, { reason, type })
    return this.#refuse({ reason: TERMINATE.unknown, error })
  }

  /** Ends at once, but says why. */
  #refuse({ reason, error }: Refusal): false {
    this.#tell(reason)
    return this.#end(error)
  }

  #endIfDone(): void {
    if (this.#phase === 'ending' && this.#isDone) this.#end(undefined)
  }

  #end(error: Error | undefined): false {
    if (this.#phase !== 'ended') this.#actions.push({ kind: 'ended', error, failed: this.#outgoing.abandon() })
    this.#phase = 'ended'
    return false
  }
}
