import { Assembly } from '../assembly.ts'
import { Fifo } from '../fifo.ts'
import type { Handover, RefusalReason } from '../types.ts'
import { writeAck } from './messages/ack.ts'
import type { ExtensionItem } from './messages/extension-items.ts'
import { writeRefuse } from './messages/refuse.ts'
import { type SegmentHead, transferLengthOf } from './messages/segment.ts'
import { REFUSE, TRANSFER_LENGTH } from './numbers.ts'
import type { Output } from './output.ts'

/** A bundle that came whole, and whose fate is not known yet. */
export interface Arrival {
  readonly bytes: Uint8Array
  readonly transferId: number
}

/** An answer in its turn: answers leave in the order of the segments, as a refusal must (RFC 9174 §5.2.4). */
interface Answer {
  readonly transferId: number
  readonly start: boolean
  readonly end: boolean
  readonly length: number
  /** Bytes that wait to be stored. */
  readonly held: number
  /** Undefined while it waits for {@link Incoming.answer}. */
  verdict: 'ack' | number | undefined
}

interface Transfer {
  readonly id: number
  /** Made when a piece comes that is not all of the bundle. */
  assembly: Assembly | undefined
  /** Most bytes that it can get. */
  readonly mostBytes: number
  /** Bytes that all of it has, where the peer said so. */
  readonly announced: number | undefined
  /** Bytes of it so far. */
  length: number
  refused: boolean
}

const REASONS: Readonly<Record<RefusalReason, number>> = {
  duplicate: REFUSE.completed,
  'no-resources': REFUSE.noResources,
  unacceptable: REFUSE.notAcceptable,
}

/** What is wrong with a segment so that the session ends: the peer does not keep to the protocol. */
export type SegmentFlaw = 'unexpected' | 'too long'

/** Transfers from the peer: pieces in, whole bundles and answers out. */
export class Incoming {
  readonly #out: Output
  readonly #maxBytes: number
  readonly #answers = new Fifo<Answer>()
  readonly #waiting = new Map<Arrival, Answer>()
  #held = 0
  #transfer: Transfer | undefined
  #head: SegmentHead | undefined
  #left = 0

  constructor(out: Output, maxBytes: number) {
    this.#out = out
    this.#maxBytes = maxBytes
  }

  /** Answers that wait for a bundle to be stored. */
  get waiting(): number {
    return this.#answers.length
  }

  /** Bytes that wait to be stored. */
  get heldBytes(): number {
    return this.#held
  }

  /** Bytes of the current segment that have not come yet. */
  get left(): number {
    return this.#left
  }

  /** True while a segment's data is read, also one without any. */
  get inSegment(): boolean {
    return this.#head !== undefined
  }

  /** True between the first and the last segment of a bundle that is not refused. */
  get open(): boolean {
    return this.#transfer !== undefined && !this.#transfer.refused
  }

  get idle(): boolean {
    return !this.open && this.#answers.length === 0 && this.#head === undefined
  }

  /** Begins a segment. With `refuseWith`, new bundles are refused for that reason. */
  begin(head: SegmentHead, refuseWith?: number): SegmentFlaw | undefined {
    if (head.length > this.#maxBytes) return 'too long'
    // Larger ids are not exact here, so they could not be answered; who counts up from 0 never gets there.
    if (head.transferId === Number.MAX_SAFE_INTEGER) return 'unexpected'
    const flaw = head.start ? this.#start(head, refuseWith) : this.#continue(head)
    if (flaw !== undefined) return flaw
    this.#head = head
    this.#left = head.length
    this.#checkLength(head)
    return undefined
  }

  /**
   * Takes the next piece of the current segment, at most {@link left} bytes. Gives the bundle when it is whole.
   * A view of the piece where the piece is all of it.
   */
  data(piece: Uint8Array): Arrival | undefined {
    const [head, transfer] = [this.#head, this.#transfer]
    if (head === undefined || transfer === undefined) return undefined
    this.#left -= piece.length
    transfer.length += piece.length
    const whole = head.start && head.end && piece.length === head.length
    if (!transfer.refused && !whole) {
      transfer.assembly ??= new Assembly(transfer.mostBytes)
      transfer.assembly.add(piece)
    }
    if (this.#left > 0) return undefined
    this.#head = undefined
    if (head.end) this.#transfer = undefined
    if (transfer.refused) return undefined
    return head.end ? this.#arrived(head, transfer, transfer.assembly?.bytes() ?? piece) : this.#acked(head)
  }

  /** What became of a bundle. */
  answer(arrival: Arrival, handover: Handover): void {
    const answer = this.#waiting.get(arrival)
    if (answer === undefined) return
    this.#waiting.delete(arrival)
    this.#held -= answer.held
    answer.verdict = handover.taken ? 'ack' : REASONS[handover.reason]
    this.#flush()
  }

  #start(head: SegmentHead, refuseWith: number | undefined): SegmentFlaw | undefined {
    if (this.#transfer !== undefined && !this.#transfer.refused) return 'unexpected'
    const lengths = head.extensions.filter(({ type }) => type === TRANSFER_LENGTH)
    const announced = lengths[0] === undefined ? undefined : transferLengthOf(lengths[0])
    const mostBytes = head.end ? head.length : this.#maxBytes
    this.#transfer = { id: head.transferId, assembly: undefined, mostBytes, announced, length: 0, refused: false }
    const reason = refuseWith ?? this.#flawOf(head, lengths)
    if (reason !== undefined) this.#refuse(reason)
    return undefined
  }

  #flawOf(head: SegmentHead, lengths: readonly ExtensionItem[]): number | undefined {
    const unknown = head.extensions.some(({ critical, type }) => critical && type !== TRANSFER_LENGTH)
    if (unknown || lengths.length > 1) return REFUSE.extensionFailure
    const announced = this.#transfer?.announced
    return announced !== undefined && announced > this.#maxBytes ? REFUSE.notAcceptable : undefined
  }

  #continue(head: SegmentHead): SegmentFlaw | undefined {
    return this.#transfer === undefined || this.#transfer.id !== head.transferId ? 'unexpected' : undefined
  }

  /** A bundle that gets longer than allowed or announced, or ends too soon, or is empty, is refused. */
  #checkLength(head: SegmentHead): void {
    const transfer = this.#transfer
    if (transfer === undefined || transfer.refused) return
    const length = transfer.length + head.length
    const { announced = length } = transfer
    const wrong = length > this.#maxBytes || length > announced || (head.end && (length < announced || length === 0))
    if (wrong) this.#refuse(REFUSE.notAcceptable)
  }

  /** Data of it that is still to come is read and dropped. */
  #refuse(reason: number): void {
    const transfer = this.#transfer
    if (transfer === undefined) return
    Object.assign(transfer, { refused: true, assembly: undefined })
    this.#push({ transferId: transfer.id, start: false, end: false, length: 0, held: 0, verdict: reason })
  }

  #acked({ transferId, start }: SegmentHead): undefined {
    const length = this.#transfer?.length ?? 0
    this.#push({ transferId, start, end: false, length, held: 0, verdict: 'ack' })
  }

  #arrived({ start }: SegmentHead, { id, length }: Transfer, bytes: Uint8Array): Arrival {
    const answer: Answer = { transferId: id, start, end: true, length, held: bytes.length, verdict: undefined }
    const arrival = { bytes, transferId: id }
    this.#waiting.set(arrival, answer)
    this.#held += bytes.length
    this.#push(answer)
    return arrival
  }

  #push(answer: Answer): void {
    this.#answers.push(answer)
    this.#flush()
  }

  #flush(): void {
    for (let next = this.#answers.first(); next?.verdict !== undefined; next = this.#answers.first()) {
      this.#answers.shift()
      if (next.verdict === 'ack') writeAck(this.#out, next)
      else writeRefuse(this.#out, { reason: next.verdict, transferId: next.transferId })
    }
  }
}
