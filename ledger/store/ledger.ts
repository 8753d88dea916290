import { type Clock, checkOptionKeys, equalBytes, isDnsLabel } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import type { Sealer, SignatureProvider, SigningKey } from '../../crypto/index.ts'
import type { ChainHead } from '../chain-state.ts'
import { LEDGER_ERRORS } from '../errors.ts'
import { MAX_BLOCKS_PER_ANSWER, MAX_WAITING_ANSWERS, MAX_WAITING_APPENDS } from '../limits.ts'
import { decodeMicroblock, type MeshBinding, type Microblock } from '../microblock.ts'
import { decideOwnHead, type HeadAnswer, type OwnHeadDecision } from '../own-head.ts'
import { Appender, type CommitAppend, type NewEvent } from './append.ts'
import { type BlockConflict, BlockStore } from './blocks.ts'
import { Chains } from './chains.ts'
import { Heads, type LearnedHead } from './heads.ts'
import { type KeyLookup, Receiver } from './receive.ts'
import { Serial } from './serial.ts'

export interface LedgerOptions extends MeshBinding {
  /** This node's id: the chain it appends to. */
  readonly nodeId: string
  /** Whose blocks are kept. `own` remembers only the heads that other nodes announce. Default `all`. */
  readonly keep?: 'own' | 'all'
}

export interface LedgerDependencies {
  readonly database: Database
  /** Seals payloads. */
  readonly sealer: Sealer
  /** Classical key that signs own blocks. */
  readonly deviceKey: SigningKey
  readonly provider: SignatureProvider
  readonly clock: Clock
  /** Keys of other nodes; the own one is known. */
  readonly findKey: KeyLookup
  /** Called once per conflicting block whose signature held: raise an alarm. Default: nothing. */
  readonly onConflict?: (conflict: BlockConflict) => void
}

/** How sure a reader may be of a block. `provisional` triggers nothing; `sealed` is covered by a post-quantum seal. */
export type BlockState = 'provisional' | 'sealed'

/** A node's microblock chains: its own, which it appends to, and those of others. */
export interface Ledger {
  readonly nodeId: string
  /**
   * Signs one block per event, chained in order, and hands them to `commit` with the operations that store them.
   * The head moves when `commit` resolves; when it rejects, nothing was appended and its error is passed on.
   * Appends run one at a time. Nothing may be announced before this resolves.
   * @throws LEDGER_PAYLOAD_TOO_LARGE, LEDGER_BUSY, CRYPTO_BUSY; {@link TypeError} for 0 or more than MAX_EVENTS_PER_APPEND events
   */
  append(events: readonly NewEvent[], commit: CommitAppend): Promise<readonly Microblock[]>
  /** Head of the blocks held of one chain. */
  head(origin: string): ChainHead | undefined
  /** Known heads, own included, by node_id: of blocks held, or a higher one that the origin announced. */
  heads(): readonly ChainHead[]
  block(origin: string, seq: number): Promise<Microblock | undefined>
  blockById(id: Uint8Array): Promise<Microblock | undefined>
  /** Undefined for a block that is not held. */
  blockState(origin: string, seq: number): BlockState | undefined
  /** At most `maxCount` (and MAX_BLOCKS_PER_ANSWER) blocks from `fromSeq` on, in order. */
  blocks(origin: string, fromSeq: number, maxCount: number): Promise<Microblock[]>
  /** All blocks held of one chain from `fromSeq` (default 1) to the head at this moment. */
  iterate(origin: string, fromSeq?: number): AsyncIterable<Microblock>
  /**
   * Payload of an own block by its hash; undefined for payloads that this node never had.
   * @throws LEDGER_DAMAGED
   */
  payload(hash: Uint8Array): Promise<Uint8Array | undefined>
  /** Conflicting blocks kept of one chain. */
  conflicts(origin: string): Promise<BlockConflict[]>
  /**
   * Takes note of an announced head. Answers whether it is news, and what to fetch from `from`.
   * @throws LEDGER_HEAD_MALFORMED, LEDGER_ORIGINS_FULL
   */
  learn(head: ChainHead, from: { readonly nodeId: string }): Promise<LearnedHead>
  /** Encoded blocks for a peer; bounds as in {@link blocks}. */
  read(origin: string, fromSeq: number, maxCount: number): Promise<readonly Uint8Array[]>
  /**
   * Verifies and stores blocks of one chain, in order; resolves to how many were new. Own blocks too: a restored
   * backup gets its tail back this way, without payloads.
   * @throws LEDGER_BLOCK_…, LEDGER_TOO_MANY_BLOCKS, LEDGER_KEY_UNKNOWN, LEDGER_NOT_KEPT, LEDGER_ORIGINS_FULL, LEDGER_BUSY
   */
  receive(origin: string, blocks: readonly Uint8Array[]): Promise<number>
  /** Judges what peers know of the own chain: asked at start, before the first append. */
  judgeOwnHead(answers: readonly HeadAnswer[]): Promise<OwnHeadDecision>
}

/**
 * Opens the ledger in `database`. Looks at the heads only; `checkLedger` looks at the rest.
 * @throws LEDGER_DAMAGED when the own head is not what the store says
 */
export async function openLedger(options: LedgerOptions, dependencies: LedgerDependencies): Promise<Ledger> {
  checkOptionKeys('ledger', options, ['mesh', 'rootFingerprint', 'nodeId', 'keep'])
  if (!isDnsLabel(options.nodeId)) throw new TypeError('nodeId must be a DNS label')
  if (options.rootFingerprint.length !== 32) throw new TypeError('rootFingerprint must be 32 bytes')
  if (dependencies.deviceKey.publicKey.suite.half !== 'classical') throw new TypeError('the device key is classical')
  const chains = new Chains(dependencies.database)
  await chains.load()
  const ledger = new StoredLedger({ keep: 'all', ...options }, dependencies, chains)
  await ledger.checkOwnHead()
  return ledger
}

class StoredLedger implements Ledger {
  readonly nodeId: string
  readonly #chains: Chains
  readonly #store: BlockStore
  readonly #appender: Appender
  readonly #receiver: Receiver
  readonly #heads: Heads

  constructor(options: Required<LedgerOptions>, dependencies: LedgerDependencies, chains: Chains) {
    const { database, deviceKey, clock, provider } = dependencies
    const ownTurn = new Serial(MAX_WAITING_APPENDS)
    const otherTurn = new Serial(MAX_WAITING_ANSWERS)
    const store = new BlockStore(dependencies)
    this.nodeId = options.nodeId
    this.#chains = chains
    this.#store = store
    this.#appender = new Appender(options, { chains, store, deviceKey, clock, turn: ownTurn })
    const findKey: KeyLookup = async (nodeId, keyId, atMs) =>
      nodeId === options.nodeId && equalBytes(keyId, deviceKey.publicKey.keyId)
        ? deviceKey.publicKey
        : dependencies.findKey(nodeId, keyId, atMs)
    const onConflict = dependencies.onConflict ?? (() => {})
    const parts = { database, chains, store, provider, findKey, onConflict, ownTurn, otherTurn }
    this.#receiver = new Receiver(options, parts)
    this.#heads = new Heads(options, { database, chains, store, receiver: this.#receiver, turn: otherTurn })
  }

  async checkOwnHead(): Promise<void> {
    const { held } = this.#chains.get(this.nodeId)
    if (held.seq === 0) return
    const block = await this.#store.block(this.nodeId, held.seq)
    if (block === undefined || !equalBytes(block.id, held.id))
      throw LEDGER_ERRORS.create('LEDGER_DAMAGED', { metadata: { seq: held.seq }, detail: 'the own head is missing' })
  }

  append(events: readonly NewEvent[], commit: CommitAppend): Promise<readonly Microblock[]> {
    return this.#appender.append(events, commit)
  }

  head(origin: string): ChainHead | undefined {
    const { held } = this.#chains.get(origin)
    return held.seq === 0 ? undefined : { origin, seq: held.seq, id: held.id }
  }

  heads(): readonly ChainHead[] {
    return this.#heads.all()
  }

  async block(origin: string, seq: number): Promise<Microblock | undefined> {
    return this.#isHeld(origin, seq) ? this.#store.block(origin, seq) : undefined
  }

  async blockById(id: Uint8Array): Promise<Microblock | undefined> {
    const block = await this.#store.blockById(id)
    return block !== undefined && this.#isHeld(block.nodeId, block.seq) ? block : undefined
  }

  blockState(origin: string, seq: number): BlockState | undefined {
    if (!this.#isHeld(origin, seq)) return undefined
    return seq <= this.#chains.get(origin).sealedSeq ? 'sealed' : 'provisional'
  }

  /** What lies beyond the head is left over from a failed commit and was never part of the chain. */
  #isHeld(origin: string, seq: number): boolean {
    return Number.isSafeInteger(seq) && seq >= 1 && seq <= this.#chains.get(origin).held.seq
  }

  async blocks(origin: string, fromSeq: number, maxCount: number): Promise<Microblock[]> {
    return (await this.read(origin, fromSeq, maxCount)).map(decodeMicroblock)
  }

  async *iterate(origin: string, fromSeq = 1): AsyncIterable<Microblock> {
    const toSeq = this.#chains.get(origin).held.seq
    for await (const bytes of this.#store.range(origin, Math.max(1, fromSeq), toSeq)) yield decodeMicroblock(bytes)
  }

  payload(hash: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#store.payload(hash)
  }

  conflicts(origin: string): Promise<BlockConflict[]> {
    return this.#store.conflicts(origin)
  }

  learn(head: ChainHead, from: { readonly nodeId: string }): Promise<LearnedHead> {
    return this.#heads.learn(head, from)
  }

  async read(origin: string, fromSeq: number, maxCount: number): Promise<readonly Uint8Array[]> {
    const count = Math.min(maxCount, MAX_BLOCKS_PER_ANSWER)
    const toSeq = Math.min(this.#chains.get(origin).held.seq, fromSeq + count - 1)
    if (!this.#isHeld(origin, fromSeq) || !(count >= 1)) return []
    const blocks: Uint8Array[] = []
    for await (const bytes of this.#store.range(origin, fromSeq, toSeq)) blocks.push(bytes)
    return blocks
  }

  receive(origin: string, blocks: readonly Uint8Array[]): Promise<number> {
    return this.#receiver.receive(origin, blocks)
  }

  async judgeOwnHead(answers: readonly HeadAnswer[]): Promise<OwnHeadDecision> {
    const own = this.head(this.nodeId)
    const seqs = answers.flatMap(({ head }) =>
      head !== undefined && this.#isHeld(this.nodeId, head.seq) ? [head.seq] : [],
    )
    return decideOwnHead({ own, answers, ownIds: await this.#store.ids(this.nodeId, seqs) })
  }
}
