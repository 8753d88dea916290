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

  async learn(head: ChainHead, from: { readonly nodeId: string }): Promise<ChainWant | undefined> {
    checkHead(head)
    const kept = head.origin === this.#options.nodeId || this.#options.keep === 'all'
    if (from.nodeId === head.origin && head.origin !== this.#options.nodeId) await this.#remember(head)
    return kept ? this.#want(head) : undefined
  }

  async #want({ origin, seq, id }: ChainHead): Promise<ChainWant | undefined> {
    const { held } = this.#parts.chains.get(origin)
    if (this.#parts.receiver.takeDiverging(origin))
      return { origin, fromSeq: Math.max(1, held.seq - LOOK_BACK_BLOCKS + 1), toSeq: held.seq }
    if (seq > held.seq) return { origin, fromSeq: held.seq + 1, toSeq: seq }
    const heldId = (await this.#parts.store.ids(origin, [seq])).get(seq)
    // Another block at a number that is held: fetched, because only its signature tells a fork from a lie.
    return heldId !== undefined && equalBytes(heldId, id) ? undefined : { origin, fromSeq: seq, toSeq: seq }
  }

  /** Only the origin's own word is kept: a head that others claim could be any number, and would stand for ever. */
  async #remember(head: ChainHead): Promise<void> {
    const { chains } = this.#parts
    if (head.seq <= (bestHead(head.origin, chains.get(head.origin))?.seq ?? 0)) return
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
