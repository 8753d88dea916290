import { equalBytes, isDnsLabel } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import { bestHead, type ChainHead } from '../chain-state.ts'
import { LEDGER_ERRORS } from '../errors.ts'
import type { BlockStore } from './blocks.ts'
import type { Chains } from './chains.ts'
import type { Receiver } from './receive.ts'
import type { Serial } from './serial.ts'

/** Blocks to fetch from whoever announced them; both numbers included. */
export interface ChainWant {
  readonly origin: string
  readonly fromSeq: number
  readonly toSeq: number
  /** Blocks at these numbers are held: they are fetched because the other side's may be others. */
  readonly compare?: true
}

/** What a head was: `new` when it moves what is known of the chain, or will once `want` is fetched. */
export interface LearnedHead {
  readonly kind: 'known' | 'new'
  readonly want?: ChainWant
}

/** Blocks looked at before the held head when a chain is known to part from it somewhere. */
const LOOK_BACK_BLOCKS = 64

export interface HeadsDependencies {
  readonly database: Database
  readonly chains: Chains
  readonly store: BlockStore
  readonly receiver: Receiver
  readonly turn: Serial
}

/** What announced heads mean: they are claims, so they lead to fetching, or are remembered when the origin made them. */
export class Heads {
  readonly #options: { readonly nodeId: string; readonly keep: 'own' | 'all' }
  readonly #parts: HeadsDependencies

  constructor(options: { nodeId: string; keep: 'own' | 'all' }, dependencies: HeadsDependencies) {
    this.#options = options
    this.#parts = dependencies
  }

  all(): ChainHead[] {
    return this.#parts.chains.all().flatMap(([origin, state]) => bestHead(origin, state) ?? [])
  }

  async learn(head: ChainHead, from: { readonly nodeId: string }): Promise<LearnedHead> {
    checkHead(head)
    const isNews = head.seq > this.#bestSeq(head.origin)
    const isOwnWord = from.nodeId === head.origin && head.origin !== this.#options.nodeId
    if (isOwnWord && isNews) await this.#remember(head)
    const kept = head.origin === this.#options.nodeId || this.#options.keep === 'all'
    if (!kept) return { kind: isNews ? 'new' : 'known' }
    const want = await this.#want(head)
    return want === undefined ? { kind: 'known' } : { kind: 'new', want }
  }

  #bestSeq(origin: string): number {
    return bestHead(origin, this.#parts.chains.get(origin))?.seq ?? 0
  }

  async #want({ origin, seq, id }: ChainHead): Promise<ChainWant | undefined> {
    const { held } = this.#parts.chains.get(origin)
    if (this.#parts.receiver.takeDiverging(origin))
      return { origin, fromSeq: Math.max(1, held.seq - LOOK_BACK_BLOCKS + 1), toSeq: held.seq, compare: true }
    if (seq > held.seq) return { origin, fromSeq: held.seq + 1, toSeq: seq }
    const heldId = seq === held.seq ? held.id : (await this.#parts.store.ids(origin, [seq])).get(seq)
    // Another block at a number that is held: fetched, because only its signature tells a fork from a lie.
    return heldId !== undefined && equalBytes(heldId, id)
      ? undefined
      : { origin, fromSeq: seq, toSeq: seq, compare: true }
  }

  /** Only the origin's own word is kept: a head that others claim could be any number, and would stand for ever. */
  async #remember(head: ChainHead): Promise<void> {
    const { chains } = this.#parts
    await this.#parts.turn.run(async () => {
      chains.checkRoomFor(head.origin)
      const state = chains.get(head.origin)
      if (head.seq <= state.announced.seq) return
      const announced = { ...state, announced: { seq: head.seq, id: head.id } }
      await this.#parts.database.commit([chains.put(head.origin, announced)])
      chains.set(head.origin, announced)
    })
  }
}

function checkHead(head: ChainHead): void {
  if (!isDnsLabel(head.origin) || !Number.isSafeInteger(head.seq) || head.seq < 1 || head.id.length !== 32)
    throw LEDGER_ERRORS.create('LEDGER_HEAD_MALFORMED')
}
