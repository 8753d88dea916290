import { compareBytes } from '../../core/index.ts'
import {
  MAX_BLOCKS_PER_ANSWER,
  MAX_HEADS_PER_ANSWER,
  MAX_IDS_PER_ANSWER,
  MAX_SYNC_ANSWER_BYTES,
  MAX_SYNC_ERAS,
} from '../limits.ts'
import type { ChainPort, RecordPort } from '../ports.ts'
import type { SyncAnswer, SyncRequest } from './codec.ts'
import { eraOf, inOrder, summarize } from './digests.ts'

/** An answer and what it is charged with: what was looked at for it, whether it is sent or not. */
export interface Answered {
  readonly answer: SyncAnswer
  readonly costBytes: number
}

/** Records read at once: the largest eight still fit one answer. */
const READ_TOGETHER = 8

/** Charged for each thing that is looked at, in bytes: near its size. */
const COST = { id: 32, bucket: 64, head: 64, lookUp: 256, digested: 4 } as const

/** What a node tells others of what it holds. */
export class Answers {
  readonly #records: RecordPort
  readonly #chains: ChainPort

  constructor({ records, chains }: { readonly records: RecordPort; readonly chains: ChainPort }) {
    this.#records = records
    this.#chains = chains
  }

  to(request: SyncRequest): Promise<Answered> | Answered {
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
        return this.#chainsOf(request.ids)
      case 'records':
        return this.#recordsOf(request.ids)
      case 'heads':
        return this.#heads(request.after)
      case 'blocks':
        return this.#blocks(request)
      case 'hint':
        return { answer: { kind: 'hint' }, costBytes: 0 }
    }
  }

  async #summary(root: Uint8Array): Promise<Answered> {
    const buckets = await this.#records.buckets()
    const summary = summarize(buckets)
    const isEqual = compareBytes(summary.root, root) === 0
    const eras = isEqual ? undefined : summary.eras.slice(-MAX_SYNC_ERAS)
    // The digest of the newest hour is made anew whenever a record came.
    const newest = buckets.at(-1)?.count ?? 0
    return { answer: { kind: 'summary', eras }, costBytes: buckets.length * COST.bucket + newest * COST.digested }
  }

  async #buckets(eras: readonly number[]): Promise<Answered> {
    const wanted = new Set(eras)
    const all = await this.#records.buckets()
    const buckets = inOrder(all.filter((bucket) => wanted.has(eraOf(bucket.bucket))))
    return { answer: { kind: 'buckets', buckets }, costBytes: all.length * COST.bucket }
  }

  /** The digests may have to be made from all ids of the bucket. */
  async #prefixes(bucket: number): Promise<Answered> {
    const all = await this.#records.prefixes(bucket)
    const prefixes = [...all].sort((a, b) => a.prefix - b.prefix)
    const ids = all.reduce((sum, { count }) => sum + count, 0)
    return { answer: { kind: 'prefixes', prefixes }, costBytes: ids * COST.id }
  }

  async #ids({ bucket, prefix, after }: Extract<SyncRequest, { kind: 'ids' }>): Promise<Answered> {
    const found = await this.#records.ids(bucket, { prefix, after, limit: MAX_IDS_PER_ANSWER + 1 })
    const ids = found.slice(0, MAX_IDS_PER_ANSWER)
    return { answer: { kind: 'ids', ids, more: found.length > ids.length }, costBytes: found.length * COST.id }
  }

  /** Chains for as many of `ids`, from the first on, as fit: halves the count until they do. */
  async #chainsOf(ids: readonly Uint8Array[]): Promise<Answered> {
    let costBytes = 0
    for (let covered = ids.length; ; covered = Math.ceil(covered / 2)) {
      const chains = await this.#records.chainsFor(ids.slice(0, covered))
      const bytes = sizeOfAll(chains.flat())
      costBytes += bytes + covered * COST.lookUp
      if (covered === 1 || bytes <= MAX_SYNC_ANSWER_BYTES) {
        return { answer: { kind: 'chains', covered, chains }, costBytes }
      }
    }
  }

  async #recordsOf(ids: readonly Uint8Array[]): Promise<Answered> {
    const records: Uint8Array[] = []
    let bytes = 0
    for (let at = 0; at < ids.length; at += READ_TOGETHER) {
      const held = await this.#records.read(ids.slice(at, at + READ_TOGETHER))
      bytes += sizeOfAll(held)
      const costBytes = bytes + at * COST.lookUp
      if (at > 0 && bytes > MAX_SYNC_ANSWER_BYTES)
        return { answer: { kind: 'records', covered: at, records }, costBytes }
      records.push(...held)
    }
    const answer = { kind: 'records', covered: ids.length, records } as const
    return { answer, costBytes: bytes + ids.length * COST.lookUp }
  }

  async #heads(after: string | undefined): Promise<Answered> {
    const all = await this.#chains.heads()
    const rest = all.filter((head) => after === undefined || head.origin > after)
    const sorted = rest.sort((a, b) => (a.origin < b.origin ? -1 : 1))
    const heads = sorted.slice(0, MAX_HEADS_PER_ANSWER)
    return {
      answer: { kind: 'heads', heads, more: sorted.length > heads.length },
      costBytes: all.length * COST.head,
    }
  }

  async #blocks(request: Extract<SyncRequest, { kind: 'blocks' }>): Promise<Answered> {
    const most = Math.min(request.maxCount, MAX_BLOCKS_PER_ANSWER)
    const blocks = await this.#chains.read(request.origin, request.fromSeq, most)
    return { answer: { kind: 'blocks', blocks: withinBytes(blocks) }, costBytes: sizeOfAll(blocks) }
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
