import type { Database, Operation } from '../../core/store/index.ts'
import type { PublicKey, SignatureProvider } from '../../crypto/index.ts'
import { LEDGER_ERRORS } from '../errors.ts'
import { MAX_CONFLICTS_PER_ORIGIN } from '../limits.ts'
import { type MeshBinding, type Microblock, type SignedBytes, signedBytesOf } from '../microblock.ts'
import { type AnswerPlan, decodeAnswer, planAnswer } from './answer.ts'
import { stateAfter } from './append.ts'
import type { BlockConflict, BlockStore } from './blocks.ts'
import type { Chains } from './chains.ts'
import type { Serial } from './serial.ts'

/**
 * Finds the device (or epoch) key of `nodeId` with `keyId`; undefined when no certificate vouches for what it signed at
 * `atMs`, the time that a block gives for itself.
 */
export type KeyLookup = (nodeId: string, keyId: Uint8Array, atMs: number) => Promise<PublicKey | undefined>

export interface ReceiverOptions extends MeshBinding {
  readonly nodeId: string
  /** `own`: blocks of other nodes are not kept. */
  readonly keep: 'own' | 'all'
}

export interface ReceiverDependencies {
  readonly database: Database
  readonly chains: Chains
  readonly store: BlockStore
  readonly provider: SignatureProvider
  readonly findKey: KeyLookup
  readonly onConflict: (conflict: BlockConflict) => void
  /** Turn for writing the own chain. */
  readonly ownTurn: Serial
  /** Turn for writing other chains. */
  readonly otherTurn: Serial
}

/** Takes blocks of chains from peers: verified, linked, never over a block that is held. */
export class Receiver {
  readonly #options: ReceiverOptions
  readonly #parts: ReceiverDependencies
  readonly #signedBytes: SignedBytes
  /** Origins of which a block was seen that continues another chain than the held one. */
  readonly #diverging = new Set<string>()

  constructor(options: ReceiverOptions, dependencies: ReceiverDependencies) {
    this.#options = options
    this.#parts = dependencies
    this.#signedBytes = signedBytesOf(options)
  }

  /** True once after a block of `origin` diverged: time to look for the place where the chains part. */
  takeDiverging(origin: string): boolean {
    return this.#diverging.delete(origin)
  }

  /**
   * Number of blocks stored. Where a key counts up to some block only, those before it are stored all the same: a node that
   * was revoked and goes on signing does not take its past along.
   */
  async receive(origin: string, encoded: readonly Uint8Array[]): Promise<number> {
    if (origin !== this.#options.nodeId && this.#options.keep === 'own') throw LEDGER_ERRORS.create('LEDGER_NOT_KEPT')
    const blocks = decodeAnswer(origin, encoded)
    this.#parts.chains.checkRoomFor(origin)
    const plan = await this.#plan(origin, blocks)
    const judged = doubtful(plan)
    const keys = await this.#keysOf(judged)
    const refused = judged.length - keys.length
    if (judged.length > 0 && keys.length === 0) throw LEDGER_ERRORS.create('LEDGER_KEY_UNKNOWN')
    await Promise.all(keys.map((key, at) => this.#verify(judged[at], key)))
    if (plan.kind === 'known') return 0
    const turn = origin === this.#options.nodeId ? this.#parts.ownTurn : this.#parts.otherTurn
    const taken = blocks.slice(0, blocks.length - refused)
    // Planned again: the chain may have grown while signatures were checked.
    const stored = await turn.run(async () => this.#carryOut(origin, await this.#plan(origin, taken)))
    if (refused > 0) throw LEDGER_ERRORS.create('LEDGER_KEY_UNKNOWN', { metadata: { origin, stored, refused } })
    return stored
  }

  async #plan(origin: string, blocks: readonly Microblock[]): Promise<AnswerPlan> {
    const { held } = this.#parts.chains.get(origin)
    const overlapping = blocks.map((block) => block.seq).filter((seq) => seq <= held.seq)
    const plan = planAnswer(blocks, held, await this.#parts.store.ids(origin, overlapping))
    if (plan.kind === 'gap') throw LEDGER_ERRORS.create('LEDGER_BLOCK_GAP', { metadata: { origin, heldSeq: held.seq } })
    return plan
  }

  /** Keys of the blocks in their order, up to the first whose key does not count at its time. */
  async #keysOf(blocks: readonly Microblock[]): Promise<PublicKey[]> {
    const { findKey } = this.#parts
    const found = await Promise.all(blocks.map(({ nodeId, keyId, timestampMs }) => findKey(nodeId, keyId, timestampMs)))
    const end = found.findIndex((key) => key?.suite.half !== 'classical')
    return (end === -1 ? found : found.slice(0, end)) as PublicKey[]
  }

  async #verify(block: Microblock | undefined, key: PublicKey): Promise<void> {
    if (block === undefined) throw new TypeError('there is a block for every key')
    if (!(await this.#parts.provider.verify(key, this.#signedBytes(block.id), block.signature)))
      throw LEDGER_ERRORS.create('LEDGER_BLOCK_SIGNATURE', { metadata: { origin: block.nodeId, seq: block.seq } })
  }

  async #carryOut(origin: string, plan: AnswerPlan): Promise<number> {
    if (plan.kind === 'extends') return this.#extend(origin, plan.fresh)
    if (plan.kind === 'conflict') return this.#reportConflict(origin, plan.other)
    if (plan.kind === 'diverges') {
      this.#diverging.add(origin)
      throw LEDGER_ERRORS.create('LEDGER_BLOCK_DIVERGES', { metadata: { origin, seq: plan.other.seq } })
    }
    return 0
  }

  async #extend(origin: string, fresh: readonly Microblock[]): Promise<number> {
    const state = stateAfter(this.#parts.chains.get(origin), fresh)
    const operations = fresh.flatMap((block) => this.#parts.store.putBlock(block))
    if (origin === this.#options.nodeId) operations.push(...(await this.#withoutPayloads(fresh)))
    await this.#commit(origin, state, operations)
    return fresh.length
  }

  /** Own blocks come back from peers without their payloads, which never left this node. */
  async #withoutPayloads(blocks: readonly Microblock[]): Promise<Operation[]> {
    const operations: Operation[] = []
    for (const { payloadHash } of blocks) {
      if (!(await this.#parts.store.hasPayload(payloadHash))) {
        operations.push(this.#parts.store.putNoPayload(payloadHash))
      }
    }
    return operations
  }

  async #reportConflict(origin: string, other: Microblock): Promise<never> {
    const { store, chains, onConflict } = this.#parts
    const held = await store.block(origin, other.seq)
    const state = chains.get(origin)
    if (!(await store.hasConflict(other)) && state.conflicts < MAX_CONFLICTS_PER_ORIGIN) {
      await this.#commit(origin, { ...state, conflicts: state.conflicts + 1 }, [store.putConflict(other)])
      if (held !== undefined) onConflict({ origin, seq: other.seq, held, other })
    }
    throw LEDGER_ERRORS.create('LEDGER_BLOCK_CONFLICT', { metadata: { origin, seq: other.seq } })
  }

  async #commit(origin: string, state: ReturnType<Chains['get']>, operations: Operation[]): Promise<void> {
    await this.#parts.database.commit([...operations, this.#parts.chains.put(origin, state)])
    this.#parts.chains.set(origin, state)
  }
}

/** The blocks whose signatures an outcome rests on. */
function doubtful(plan: AnswerPlan): readonly Microblock[] {
  if (plan.kind === 'extends') return plan.fresh
  return plan.kind === 'conflict' || plan.kind === 'diverges' ? [plan.other] : []
}
