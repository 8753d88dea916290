import type { Stream } from '@libp2p/interface'
import { type Clock, compareBytes, isGapmeshError, type Logger, sleep } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import {
  MAX_BLOCKS_PER_ANSWER,
  MAX_HEADS_PER_ANSWER,
  MAX_IDS_PER_ANSWER,
  MAX_REQUESTS_PER_STREAM,
  MAX_SYNC_ANSWER_BYTES,
  MAX_SYNC_ERAS,
} from '../limits.ts'
import type { ChainPort, RecordPort } from '../ports.ts'
import { type BudgetOptions, ServeBudget } from './budget.ts'
import { decodeRequest, encodeAnswer, type SyncAnswer, type SyncRequest } from './codec.ts'
import { eraOf, inOrder, summarize } from './digests.ts'
import { FrameStream } from './frames.ts'

export interface ServerOptions {
  readonly budget: BudgetOptions
  /** A stream without a request for this long is closed, in milliseconds. */
  readonly idleTimeoutMs: number
}

export interface ServerDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly records: RecordPort
  readonly chains: ChainPort
  /** A peer said that it has news. */
  onHint(peerKey: string): void
}

/** Charged for any answer, so that small questions are not free. */
const BYTES_PER_REQUEST = 1024

/** Records read at once: the largest eight still fit one answer. */
const READ_TOGETHER = 8

/** Peers whose budget is remembered, connected or not, so that reconnecting does not refill it. */
const MAX_BUDGETS = 1024

/** An answer that would have to wait longer than this is refused as busy. */
const MAX_WAIT_MS = 10_000

/** The answering side of the sync protocol: bounded per stream by count, per peer by bytes. */
export class SyncServer {
  readonly #options: ServerOptions
  readonly #dependencies: ServerDependencies
  readonly #budgets = new Map<string, ServeBudget>()
  readonly #open = new Set<FrameStream>()
  readonly #stopped = new AbortController()

  constructor(options: ServerOptions, dependencies: ServerDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** Answers requests on `stream` until the peer is done or misbehaves. */
  async serve(stream: Stream, peerKey: string): Promise<void> {
    const frames = new FrameStream(stream)
    this.#open.add(frames)
    try {
      for (let count = 0; count < MAX_REQUESTS_PER_STREAM; count += 1) {
        const frame = await this.#nextRequest(frames)
        if (frame === undefined) break
        const answer = await this.#answer(frame, peerKey)
        await frames.write(encodeAnswer(answer))
        if (answer.kind === 'refusal') break
      }
      await frames.close()
    } catch (error) {
      this.#dependencies.logger.debug({ peer: peerKey, err: error }, 'sync stream ended')
      frames.abort(error instanceof Error ? error : new Error('sync stream ended'))
    } finally {
      this.#open.delete(frames)
    }
  }

  stop(): void {
    this.#stopped.abort(OVERLAY_ERRORS.create('OVERLAY_SYNC_CLOSED'))
    for (const frames of this.#open) frames.abort(OVERLAY_ERRORS.create('OVERLAY_SYNC_CLOSED'))
  }

  async #nextRequest(frames: FrameStream): Promise<Uint8Array | undefined> {
    const timer = this.#dependencies.clock.setTimer(this.#options.idleTimeoutMs, () =>
      frames.abort(OVERLAY_ERRORS.create('OVERLAY_SYNC_TIMEOUT')),
    )
    try {
      return await frames.read()
    } finally {
      timer.cancel()
    }
  }

  async #answer(frame: Uint8Array, peerKey: string): Promise<SyncAnswer> {
    try {
      const request = decodeRequest(frame)
      if (!(await this.#pay(peerKey, BYTES_PER_REQUEST))) return { kind: 'refusal', reason: 'busy' }
      const answer = await this.#look(request, peerKey)
      const paid = await this.#pay(peerKey, sizeOf(answer))
      return paid ? answer : { kind: 'refusal', reason: 'busy' }
    } catch (error) {
      if (isGapmeshError(error, 'OVERLAY_SYNC_MALFORMED')) return { kind: 'refusal', reason: 'malformed' }
      this.#dependencies.logger.warn({ peer: peerKey, err: error }, 'a sync request could not be answered')
      return { kind: 'refusal', reason: 'failed' }
    }
  }

  async #pay(peerKey: string, bytes: number): Promise<boolean> {
    const { clock } = this.#dependencies
    const budget = this.#budget(peerKey)
    const waitMs = budget.take(bytes, clock.monotonic())
    if (waitMs > MAX_WAIT_MS) return false
    if (waitMs > 0) await sleep(clock, waitMs, this.#stopped.signal)
    return true
  }

  #budget(peerKey: string): ServeBudget {
    const known = this.#budgets.get(peerKey)
    if (known !== undefined) return known
    const budget = new ServeBudget(this.#options.budget, this.#dependencies.clock.monotonic())
    this.#budgets.set(peerKey, budget)
    const [oldest] = this.#budgets.keys()
    if (this.#budgets.size > MAX_BUDGETS && oldest !== undefined) this.#budgets.delete(oldest)
    return budget
  }

  #look(request: SyncRequest, peerKey: string): Promise<SyncAnswer> | SyncAnswer {
    switch (request.kind) {
      case 'summary':
        return this.#summary(request.root)
      case 'buckets':
        return this.#buckets(request.eras)
      case 'prefixes':
        return this.#prefixes(request.bucket)
      case 'ids':
        return this.#ids(request)
      case 'chains':
        return this.#chains(request.ids)
      case 'records':
        return this.#records(request.ids)
      case 'heads':
        return this.#heads(request.after)
      case 'blocks':
        return this.#blocks(request)
      case 'hint':
        this.#dependencies.onHint(peerKey)
        return { kind: 'hint' }
    }
  }

  async #summary(root: Uint8Array): Promise<SyncAnswer> {
    const summary = summarize(await this.#dependencies.records.buckets())
    if (compareBytes(summary.root, root) === 0) return { kind: 'summary', eras: undefined }
    return { kind: 'summary', eras: summary.eras.slice(-MAX_SYNC_ERAS) }
  }

  async #buckets(eras: readonly number[]): Promise<SyncAnswer> {
    const wanted = new Set(eras)
    const buckets = await this.#dependencies.records.buckets()
    return { kind: 'buckets', buckets: inOrder(buckets.filter((bucket) => wanted.has(eraOf(bucket.bucket)))) }
  }

  async #prefixes(bucket: number): Promise<SyncAnswer> {
    const prefixes = await this.#dependencies.records.prefixes(bucket)
    return { kind: 'prefixes', prefixes: [...prefixes].sort((a, b) => a.prefix - b.prefix) }
  }

  async #ids(request: Extract<SyncRequest, { kind: 'ids' }>): Promise<SyncAnswer> {
    const { after } = request
    const all = await this.#dependencies.records.ids(request.bucket, request.prefix)
    const rest = after === undefined ? all : all.filter((id) => compareBytes(id, after) > 0)
    return { kind: 'ids', ids: rest.slice(0, MAX_IDS_PER_ANSWER), more: rest.length > MAX_IDS_PER_ANSWER }
  }

  /** Chains for as many of `ids`, from the first on, as fit: halves the count until they do. */
  async #chains(ids: readonly Uint8Array[]): Promise<SyncAnswer> {
    for (let covered = ids.length; ; covered = Math.ceil(covered / 2)) {
      const chains = await this.#dependencies.records.chainsFor(ids.slice(0, covered))
      if (covered === 1 || sizeOfAll(chains.flat()) <= MAX_SYNC_ANSWER_BYTES) return { kind: 'chains', covered, chains }
    }
  }

  async #records(ids: readonly Uint8Array[]): Promise<SyncAnswer> {
    const records: Uint8Array[] = []
    let bytes = 0
    for (let at = 0; at < ids.length; at += READ_TOGETHER) {
      const held = await this.#dependencies.records.read(ids.slice(at, at + READ_TOGETHER))
      bytes += sizeOfAll(held)
      if (at > 0 && bytes > MAX_SYNC_ANSWER_BYTES) return { kind: 'records', covered: at, records }
      records.push(...held)
    }
    return { kind: 'records', covered: ids.length, records }
  }

  async #heads(after: string | undefined): Promise<SyncAnswer> {
    const heads = (await this.#dependencies.chains.heads()).filter((head) => after === undefined || head.origin > after)
    const sorted = heads.sort((a, b) => (a.origin < b.origin ? -1 : 1))
    return { kind: 'heads', heads: sorted.slice(0, MAX_HEADS_PER_ANSWER), more: sorted.length > MAX_HEADS_PER_ANSWER }
  }

  async #blocks(request: Extract<SyncRequest, { kind: 'blocks' }>): Promise<SyncAnswer> {
    const most = Math.min(request.maxCount, MAX_BLOCKS_PER_ANSWER)
    const blocks = await this.#dependencies.chains.read(request.origin, request.fromSeq, most)
    return { kind: 'blocks', blocks: withinBytes(blocks) }
  }
}

/** The first items that together stay within one answer. */
function withinBytes(items: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0
  const end = items.findIndex((item) => {
    bytes += item.length
    return bytes > MAX_SYNC_ANSWER_BYTES
  })
  return end < 0 ? items : items.slice(0, end)
}

function sizeOfAll(items: readonly Uint8Array[]): number {
  return items.reduce((sum, item) => sum + item.length, 0)
}

/** Bytes of an answer, near enough for the budget. */
function sizeOf(answer: SyncAnswer): number {
  switch (answer.kind) {
    case 'records':
      return sizeOfAll(answer.records)
    case 'blocks':
      return sizeOfAll(answer.blocks)
    case 'chains':
      return sizeOfAll(answer.chains.flat())
    case 'ids':
      return answer.ids.length * 32
    case 'buckets':
      return answer.buckets.length * 48
    case 'heads':
      return answer.heads.length * 64
    default:
      return 0
  }
}
