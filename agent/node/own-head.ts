import { type Clock, equalBytes, type Logger, sleep } from '../../core/index.ts'
import type { ChainHead, HeadAnswer, Ledger, OwnHeadDecision } from '../../ledger/index.ts'

export interface OwnHeadOptions {
  /** How long to wait for a first peer to answer, in milliseconds. 0: this node looks for no peers. */
  readonly firstAnswerMs: number
  /** How long other peers have after the first one that does not know this node's head, in milliseconds. Default 1,000. */
  readonly otherAnswersMs?: number
  /** How long the peers that claim a head may show nothing of it, in milliseconds. Default 30,000. */
  readonly proofMs?: number
}

export interface OwnHeadDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly ledger: Ledger
  /** Asks a node for blocks again. */
  readonly fetch: (nodeId: string) => void
}

/** What the question came to: append, or stop because two blocks of this node stand at one number. */
export type OwnHeadOutcome = 'append' | 'forked'

/** A decision that rests on what peers claim. */
type Claim = Exclude<OwnHeadDecision, { readonly witnesses: number }>

const LOOK_AGAIN_MS = 100

/**
 * Asks, before this node appends anything, what its peers know of its own chain: a restored backup or a log that lost its
 * tail would otherwise sign a second block at a used number. Claims count only as far as the blocks are shown.
 */
export class OwnHeadQuestion {
  readonly #options: Required<OwnHeadOptions>
  readonly #dependencies: OwnHeadDependencies
  readonly #claims = new Map<string, ChainHead>()
  readonly #answered = new Set<string>()
  /** Peers that did not show what they claimed: they could go on claiming for ever. */
  readonly #unproven = new Set<string>()

  constructor(options: OwnHeadOptions, dependencies: OwnHeadDependencies) {
    this.#options = { otherAnswersMs: 1_000, proofMs: 30_000, ...options }
    this.#dependencies = dependencies
  }

  /** A peer told a head of this node's chain. */
  claimed(head: ChainHead, nodeId: string): void {
    if (!this.#unproven.has(nodeId)) this.#claims.set(nodeId, head)
  }

  /** A peer has told all it knows. */
  answered(nodeId: string): void {
    this.#answered.add(nodeId)
  }

  /**
   * Resolves when it is safe to append, or known that it is not.
   * @throws the signal's reason when it aborts
   */
  async settle(signal: AbortSignal): Promise<OwnHeadOutcome> {
    const { clock, ledger, logger } = this.#dependencies
    const { firstAnswerMs, otherAnswersMs } = this.#options
    // One that was away itself, or is new, knows less: its word is not the last.
    if (await this.#until(() => this.#answered.size > 0, firstAnswerMs, signal))
      await this.#until(async () => !(await this.#isAheadOfAll()), otherAnswersMs, signal)
    for (;;) {
      const decision = await ledger.judgeOwnHead(this.#answers())
      if ('witnesses' in decision) return 'append'
      logger.warn({ decision: decision.kind, seq: decision.head.seq, peers: decision.peers }, 'peers know another head')
      for (const nodeId of decision.peers) this.#dependencies.fetch(nodeId)
      const proven = await this.#proof(decision, signal)
      if (proven && decision.kind === 'forked') return 'forked'
      if (!proven) this.#disbelieve(decision.peers)
      await sleep(clock, LOOK_AGAIN_MS, signal)
    }
  }

  async #isAheadOfAll(): Promise<boolean> {
    return (await this.#dependencies.ledger.judgeOwnHead(this.#answers())).kind === 'ahead-of-peers'
  }

  #answers(): HeadAnswer[] {
    const names = new Set([...this.#answered, ...this.#claims.keys()])
    return [...names].map((from) => ({ from, head: this.#claims.get(from) }))
  }

  #disbelieve(peers: readonly string[]): void {
    this.#dependencies.logger.warn({ peers }, 'peers did not show the blocks that they claim')
    for (const nodeId of peers) {
      this.#claims.delete(nodeId)
      this.#unproven.add(nodeId)
    }
  }

  /** False once nothing came for so long; a long tail may take its time, as long as there is more of it every time. */
  async #proof(decision: Claim, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const seq = this.#ownSeq()
      if (await this.#until(() => this.#isProven(decision), this.#options.proofMs, signal)) return true
      if (this.#ownSeq() === seq) return false
    }
  }

  async #isProven(decision: Claim): Promise<boolean> {
    const { ledger } = this.#dependencies
    if (decision.kind === 'behind') return this.#ownSeq() >= decision.head.seq
    const conflicts = await ledger.conflicts(ledger.nodeId)
    return conflicts.some(({ other }) => equalBytes(other.id, decision.head.id))
  }

  #ownSeq(): number {
    const { ledger } = this.#dependencies
    return ledger.head(ledger.nodeId)?.seq ?? 0
  }

  async #until(holds: () => boolean | Promise<boolean>, limitMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#dependencies
    const endMs = clock.monotonic() + limitMs
    while (!(await holds())) {
      if (clock.monotonic() >= endMs) return false
      await sleep(clock, LOOK_AGAIN_MS, signal)
    }
    return true
  }
}
