import { Fifo } from '../fifo.ts'
import type { Handover } from '../types.ts'
import type { Ack } from './messages/ack.ts'
import type { Refuse } from './messages/refuse.ts'
import { writeSegment } from './messages/segment.ts'
import { REFUSE } from './numbers.ts'
import type { Output } from './output.ts'

/** A bundle to be sent; `settled` is kept with it and not looked at. */
export interface Departure {
  readonly bytes: Uint8Array
  readonly settled: (handover: Handover) => void
  readonly failed: (error: Error) => void
}

interface Transfer {
  readonly id: number
  readonly departure: Departure
  /** Bytes that went out. */
  sent: number
  /** Bytes that the peer acknowledged. */
  acked: number
}

/** A departure whose fate the peer has told. */
export interface Settled {
  readonly departure: Departure
  readonly handover: Handover
}

/** `unknown`: of a transfer that is not under way; `false`: says what cannot be. */
export type AnswerFlaw = 'unknown' | 'false'

/** Transfers to the peer: bundles in, segments out, answers matched. One bundle after another (RFC 9174 §5.2). */
export class Outgoing {
  readonly #out: Output
  readonly #queue = new Fifo<Departure>()
  readonly #unanswered = new Map<number, Transfer>()
  #current: Transfer | undefined
  #nextId = 0
  #segmentBytes = 0

  constructor(out: Output) {
    this.#out = out
  }

  /** Set once the peer's Segment MRU is known. */
  set segmentBytes(bytes: number) {
    this.#segmentBytes = bytes
  }

  /** True while there is something to write. */
  get ready(): boolean {
    return this.#current !== undefined || this.#queue.length > 0
  }

  /** True when nothing that began is without its answer. */
  get idle(): boolean {
    return this.#unanswered.size === 0
  }

  push(departure: Departure): void {
    this.#queue.push(departure)
  }

  /** Writes segments until `maxBytes` wait, or nothing is left. */
  fill(maxBytes: number): void {
    while (this.#out.bytes < maxBytes) {
      const transfer = this.#current ?? this.#begin()
      if (transfer === undefined) return
      this.#writeNext(transfer)
    }
  }

  /**
   * The length says what is acknowledged: dtn7-rs leaves the flags out, which RFC 9174 §5.2.3 wants mirrored. No segment
   * is sent without data, so the whole length means the last one too.
   */
  ack({ transferId, end, length }: Ack): Settled | AnswerFlaw | undefined {
    const transfer = this.#unanswered.get(transferId)
    if (transfer === undefined) return 'unknown'
    const total = transfer.departure.bytes.length
    if (length > transfer.sent || length < transfer.acked || (end && length < total)) return 'false'
    transfer.acked = length
    return length === total ? this.#settle(transfer, { taken: true }) : undefined
  }

  /** Nothing more of a refused bundle is sent. */
  refuse({ transferId, reason }: Refuse): Settled | AnswerFlaw {
    const transfer = this.#unanswered.get(transferId)
    if (transfer === undefined) return 'unknown'
    return this.#settle(transfer, handoverOf(reason))
  }

  /** Takes back what has not begun. */
  recall(): Departure[] {
    return this.#queue.drain()
  }

  /** Takes back everything: its fate will not be known. */
  abandon(): Departure[] {
    const begun = [...this.#unanswered.values()].map(({ departure }) => departure)
    this.#unanswered.clear()
    this.#current = undefined
    return [...begun, ...this.recall()]
  }

  #begin(): Transfer | undefined {
    const departure = this.#queue.shift()
    if (departure === undefined) return undefined
    const transfer = { id: this.#nextId++, departure, sent: 0, acked: 0 }
    this.#unanswered.set(transfer.id, transfer)
    this.#current = transfer
    return transfer
  }

  #writeNext(transfer: Transfer): void {
    const { bytes } = transfer.departure
    const from = transfer.sent
    const to = Math.min(from + this.#segmentBytes, bytes.length)
    const end = to === bytes.length
    const data = from === 0 && end ? bytes : bytes.subarray(from, to)
    writeSegment(this.#out, { start: from === 0, end, transferId: transfer.id, transferLength: bytes.length, data })
    transfer.sent = to
    if (end) this.#current = undefined
  }

  #settle(transfer: Transfer, handover: Handover): Settled {
    this.#unanswered.delete(transfer.id)
    if (this.#current === transfer) this.#current = undefined
    return { departure: transfer.departure, handover }
  }
}

/** A reason that is not known is no word against the bundle itself. */
function handoverOf(reason: number): Handover {
  if (reason === REFUSE.completed) return { taken: false, reason: 'duplicate' }
  const never = reason === REFUSE.notAcceptable || reason === REFUSE.extensionFailure
  return { taken: false, reason: never ? 'unacceptable' : 'no-resources' }
}
