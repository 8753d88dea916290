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
 * Finds the device (or epoch) key that signed a block: of the node `block.nodeId`, with the id `block.keyId`; undefined when
 * no certificate vouches for what it signed at `block.timestampMs`.
 */
export type KeyLookup = (block: Pick<Microblock, 'nodeId' | 'keyId' | 'timestampMs'>) => Promise<PublicKey | undefined>

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

  /** Number of blocks stored. */
  async receive(origin: string, encoded: readonly Uint8Array[]): Promise<number> {
    if (origin !== this.#options.nodeId && this.#options.keep === 'own') throw LEDGER_ERRORS.create('LEDGER_NOT_KEPT')
    const answer = decodeAnswer(origin, encoded)
    this.#parts.chains.checkRoomFor(origin)
    const blocks = await this.#vouchedFor(answer, await this.#plan(origin, answer))
    const plan = await this.#plan(origin, blocks)
    await this.#verify(doubtful(plan))
    if (plan.kind === 'known') return 0
    const turn = origin === this.#options.nodeId ? this.#parts.ownTurn : this.#parts.otherTurn
    // Planned again: the chain may have grown while signatures were checked.
    return turn.run(async () => this.#carryOut(origin, await this.#plan(origin, blocks)))
  }

  async #plan(origin: string, blocks: readonly Microblock[]): Promise<AnswerPlan> {
    const { held } = this.#parts.chains.get(origin)
    const overlapping = blocks.map((block) => block.seq).filter((seq) => seq <= held.seq)
    const plan = planAnswer(blocks, held, await this.#parts.store.ids(origin, overlapping))
    if (plan.kind === 'gap') throw LEDGER_ERRORS.create('LEDGER_BLOCK_GAP', { metadata: { origin, heldSeq: held.seq } })
    return plan
  }

  /** Of a node that was revoked, peers may hold blocks from after that: those before are taken all the same. */
  async #vouchedFor(blocks: readonly Microblock[], plan: AnswerPlan): Promise<readonly Microblock[]> {
    if (plan.kind !== 'extends') return blocks
    for (const block of plan.fresh.slice(1)) {
      if ((await this.#parts.findKey(block)) === undefined) return blocks.filter(({ seq }) => seq < block.seq)
    }
    return blocks
  }

  async #verify(blocks: readonly Microblock[]): Promise<void> {
    await Promise.all(blocks.map((block) => this.#verifyOne(block)))
  }

  async #verifyOne(block: Microblock): Promise<void> {
    const key = await this.#parts.findKey(block)
    if (key === undefined || key.suite.half !== 'classical') throw LEDGER_ERRORS.create('LEDGER_KEY_UNKNOWN')
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
