import type { Clock } from '../../core/index.ts'
import type { Operation } from '../../core/store/index.ts'
import { type SigningKey, sha256 } from '../../crypto/index.ts'
import type { ChainState } from '../chain-state.ts'
import { LEDGER_ERRORS } from '../errors.ts'
import { MAX_EVENTS_PER_APPEND, MAX_PAYLOAD_BYTES, MAX_STRAY_IDS } from '../limits.ts'
import {
  type BegunMicroblock,
  type EventType,
  type MeshBinding,
  type Microblock,
  MicroblockWriter,
  type SignedBytes,
  signedBytesOf,
} from '../microblock.ts'
import type { BlockStore } from './blocks.ts'
import type { Chains } from './chains.ts'
import type { Serial } from './serial.ts'

/** One event to append. */
export interface NewEvent {
  /** Stays on this node, sealed; its hash goes into the chain. At most {@link MAX_PAYLOAD_BYTES}. */
  readonly payload: Uint8Array
  readonly eventType: EventType
}

/** Signed blocks, and what a commit must write for them to be accepted. */
export interface PreparedAppend {
  readonly blocks: readonly Microblock[]
  readonly operations: readonly Operation[]
}

/** Commits the operations, with the caller's own, in one `database.commit`. */
export type CommitAppend = (prepared: PreparedAppend) => Promise<void>

export interface AppenderOptions extends MeshBinding {
  readonly nodeId: string
}

export interface AppenderDependencies {
  readonly chains: Chains
  readonly store: BlockStore
  readonly deviceKey: SigningKey
  readonly clock: Clock
  /** Everything that writes the own chain takes its turn here. */
  readonly turn: Serial
}

/** Extends the own chain: one append at a time, the head moves only after the commit. */
export class Appender {
  readonly #options: AppenderOptions
  readonly #chains: Chains
  readonly #store: BlockStore
  readonly #deviceKey: SigningKey
  readonly #clock: Clock
  readonly #turn: Serial
  readonly #writer: MicroblockWriter
  readonly #signedBytes: SignedBytes
  /** Left by failed commits: a refused write may have reached the disk, and must not stay beyond the head. */
  #strayIds: readonly Uint8Array[] = []
  #straySeq = 0

  constructor(options: AppenderOptions, dependencies: AppenderDependencies) {
    this.#options = options
    this.#chains = dependencies.chains
    this.#store = dependencies.store
    this.#deviceKey = dependencies.deviceKey
    this.#clock = dependencies.clock
    this.#turn = dependencies.turn
    this.#writer = new MicroblockWriter({ nodeId: options.nodeId, keyId: dependencies.deviceKey.publicKey.keyId })
    this.#signedBytes = signedBytesOf(options)
  }

  async append(events: readonly NewEvent[], commit: CommitAppend): Promise<readonly Microblock[]> {
    checkEvents(events)
    return this.#turn.run(async () => {
      const before = this.#chains.get(this.#options.nodeId)
      const signed = await this.#sign(before, events)
      const blocks = signed.map(({ block }) => block)
      const after = stateAfter(before, blocks)
      const operations = this.#clearStrays(before.held.seq)
      for (const one of signed) operations.push(...one.operations)
      operations.push(this.#chains.put(this.#options.nodeId, after))
      try {
        await commit({ blocks, operations })
      } catch (error) {
        this.#strayIds = [...this.#strayIds, ...blocks.map(({ id }) => id)].slice(-MAX_STRAY_IDS)
        this.#straySeq = Math.max(this.#straySeq, after.held.seq)
        throw error
      }
      this.#strayIds = []
      this.#straySeq = 0
      this.#chains.set(this.#options.nodeId, after)
      return blocks
    })
  }

  /** Comes first in a batch, so that the blocks of the batch itself win. */
  #clearStrays(headSeq: number): Operation[] {
    const seqs = Array.from({ length: Math.max(0, this.#straySeq - headSeq) }, (_, index) => headSeq + 1 + index)
    return this.#store.clear(this.#options.nodeId, seqs, this.#strayIds)
  }

  /** Ids chain without signatures, so all signatures are made side by side. */
  #sign(state: ChainState, events: readonly NewEvent[]): Promise<SignedEvent[]> {
    const timestampMs = this.#clock.now()
    let { seq, id: prev } = state.held
    const pending: Promise<SignedEvent>[] = []
    for (const { eventType, payload } of events) {
      seq += 1
      const begun = this.#writer.begin({ seq, prev, timestampMs, payloadHash: sha256(payload), eventType })
      prev = begun.id
      pending.push(this.#signOne(begun, payload))
    }
    return Promise.all(pending)
  }

  async #signOne(begun: BegunMicroblock, payload: Uint8Array): Promise<SignedEvent> {
    const signature = await this.#deviceKey.sign(this.#signedBytes(begun.id))
    const block = begun.finish(signature)
    // Sealed here, one by one, while the thread pool signs the blocks that follow.
    return { block, operations: [...this.#store.putBlock(block), this.#store.putPayload(block.payloadHash, payload)] }
  }
}

interface SignedEvent {
  readonly block: Microblock
  readonly operations: readonly Operation[]
}

/** The state once `blocks` follow what was held. */
export function stateAfter(before: ChainState, blocks: readonly Microblock[]): ChainState {
  const last = blocks.at(-1)
  if (last === undefined) return before
  return { ...before, held: { seq: last.seq, id: last.id }, count: before.count + blocks.length }
}

function checkEvents(events: readonly NewEvent[]): void {
  if (events.length < 1 || events.length > MAX_EVENTS_PER_APPEND)
    throw new TypeError(`one append takes 1 to ${MAX_EVENTS_PER_APPEND} events`)
  for (const { payload } of events) {
    if (payload.length > MAX_PAYLOAD_BYTES)
      throw LEDGER_ERRORS.create('LEDGER_PAYLOAD_TOO_LARGE', {
        metadata: { bytes: payload.length, maxBytes: MAX_PAYLOAD_BYTES },
      })
  }
}
