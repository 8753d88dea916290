import { equalBytes } from '../../core/index.ts'
import { type Database, ROOM, type Room } from '../../core/store/index.ts'
import { type Sealer, type SignatureProvider, sha256 } from '../../crypto/index.ts'
import type { ChainPlace, ChainState } from '../chain-state.ts'
import { MAX_PROBLEMS, QUICK_CHECK_BLOCKS } from '../limits.ts'
import {
  decodeMicroblock,
  type MeshBinding,
  type Microblock,
  noBlock,
  type SignedBytes,
  signedBytesOf,
} from '../microblock.ts'
import { Chains } from './chains.ts'
import { originRange, placeKey, placeOfKey } from './keys.ts'
import type { KeyLookup } from './receive.ts'

/** What a check can find. Every kind but the index ones means that something was lost or changed. */
export type LedgerProblemKind =
  | 'block-missing'
  | 'block-unreadable'
  | 'block-beyond-head'
  | 'link-broken'
  | 'head-differs'
  | 'count-differs'
  | 'signature-wrong'
  | 'key-unknown'
  | 'payload-missing'
  | 'payload-broken'
  | 'index-missing'

export interface LedgerProblem {
  readonly kind: LedgerProblemKind
  readonly origin: string
  /** Number of the block; the first one of a missing stretch. */
  readonly seq: number
  /** One plain sentence for an operator. */
  readonly message: string
}

export interface LedgerReport {
  /** At most MAX_PROBLEMS of them, in chain order. */
  readonly problems: readonly LedgerProblem[]
  /** All that were found. */
  readonly problemCount: number
  readonly blocksChecked: number
  readonly chainsChecked: number
}

export interface LedgerCheckOptions {
  readonly nodeId: string
  /** `quick`: the last blocks of the own chain, enough to notice a damaged log. `full`: everything. */
  readonly scope: 'quick' | 'full'
  /** Blocks a quick check looks at. Default QUICK_CHECK_BLOCKS. */
  readonly quickBlocks?: number
  /** Called now and then with blocks looked at so far, and all there are to look at. */
  readonly onProgress?: (checked: number, total: number) => void
}

export interface LedgerCheckDependencies {
  readonly database: Database
  /** Opens payloads; without it a full check only sees that they are there. */
  readonly sealer?: Sealer
  /** Verifies signatures in a full check; without it only ids and links are. */
  readonly signatures?: MeshBinding & { readonly provider: SignatureProvider; readonly findKey: KeyLookup }
}

/** Blocks read and compared in one go. */
const BATCH_BLOCKS = 256

/**
 * Walks the chains in `database` and compares them with what the store says of itself. Changes nothing.
 * @throws LEDGER_DAMAGED when the store's own summary is not readable
 */
export async function checkLedger(
  options: LedgerCheckOptions,
  dependencies: LedgerCheckDependencies,
): Promise<LedgerReport> {
  const chains = new Chains(dependencies.database)
  await chains.load()
  const walk = new Walk(options, dependencies)
  const own = chains.get(options.nodeId)
  if (options.scope === 'quick') {
    const fromSeq = Math.max(1, own.held.seq - (options.quickBlocks ?? QUICK_CHECK_BLOCKS) + 1)
    walk.expect(own.held.seq - fromSeq + 1)
    await walk.chain(options.nodeId, own, fromSeq)
    return walk.report()
  }
  const all = new Map(chains.all()).set(options.nodeId, own)
  for (const state of all.values()) walk.expect(state.held.seq)
  for (const [origin, state] of all) await walk.chain(origin, state, 1)
  return walk.report()
}

/** What lies at one place of a chain. */
interface StoredBlock {
  readonly seq: number
  /** Undefined when the bytes are not the block that belongs there. */
  readonly block: Microblock | undefined
}

class Walk {
  readonly #options: LedgerCheckOptions
  readonly #dependencies: LedgerCheckDependencies
  readonly #signedBytes: SignedBytes | undefined
  readonly #blocks: Room
  readonly #byId: Room
  readonly #payloads: Room
  readonly #problems: LedgerProblem[] = []
  #problemCount = 0
  #checked = 0
  #total = 0
  #chains = 0

  constructor(options: LedgerCheckOptions, dependencies: LedgerCheckDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.#signedBytes = dependencies.signatures && signedBytesOf(dependencies.signatures)
    this.#blocks = dependencies.database.room(ROOM.blocks)
    this.#byId = dependencies.database.room(ROOM.blocksById)
    this.#payloads = dependencies.database.room(ROOM.payloads)
  }

  expect(blocks: number): void {
    this.#total += blocks
  }

  report(): LedgerReport {
    return {
      problems: this.#problems,
      problemCount: this.#problemCount,
      blocksChecked: this.#checked,
      chainsChecked: this.#chains,
    }
  }

  async chain(origin: string, state: ChainState, fromSeq: number): Promise<void> {
    this.#chains += 1
    let last = await this.#placeBefore(origin, fromSeq)
    let found = fromSeq - 1
    for await (const batch of this.#batches(origin, fromSeq, state.held.seq)) {
      last = this.#checkLinks(origin, batch, last)
      await this.#checkRest(batch)
      found += batch.length
      this.#checked += batch.length
      this.#options.onProgress?.(this.#checked, this.#total)
    }
    this.#checkGap(origin, last.seq + 1, state.held.seq + 1)
    this.#checkEnd(origin, state, { last, found })
  }

  async *#batches(origin: string, fromSeq: number, toSeq: number): AsyncIterable<StoredBlock[]> {
    let batch: StoredBlock[] = []
    const range = { gte: placeKey(origin, fromSeq), lt: originRange(origin).lt }
    for await (const [key, bytes] of this.#blocks.entries(range)) {
      const seq = placeOfKey(key)?.seq ?? 0
      if (seq > toSeq) {
        this.#add('block-beyond-head', origin, seq, `block ${seq} lies beyond the head ${toSeq}`)
        break
      }
      batch.push({ seq, block: readBlock(origin, seq, bytes) })
      if (batch.length < BATCH_BLOCKS) continue
      yield batch
      batch = []
    }
    if (batch.length > 0) yield batch
  }

  async #placeBefore(origin: string, fromSeq: number): Promise<ChainPlace> {
    const seq = fromSeq - 1
    const bytes = seq === 0 ? undefined : await this.#blocks.get(placeKey(origin, seq))
    const block = bytes && readBlock(origin, seq, bytes)
    return { seq, id: seq === 0 ? noBlock() : (block?.id ?? new Uint8Array()) }
  }

  #checkGap(origin: string, expected: number, seq: number): void {
    if (seq <= expected) return
    const which = seq - 1 === expected ? `block ${expected} is` : `blocks ${expected} to ${seq - 1} are`
    this.#add('block-missing', origin, expected, `${which} missing`)
  }

  #checkEnd(origin: string, state: ChainState, end: { last: ChainPlace; found: number }): void {
    const { held, count } = state
    if (end.last.seq === held.seq && held.seq > 0 && !equalBytes(end.last.id, held.id))
      this.#add('head-differs', origin, held.seq, `block ${held.seq} is not the head that the store names`)
    if (count !== held.seq || end.found !== count)
      this.#add('count-differs', origin, held.seq, `the store counts ${count} blocks, there are ${end.found}`)
  }

  /** The place of the last block, from which the next batch must follow. */
  #checkLinks(origin: string, batch: readonly StoredBlock[], before: ChainPlace): ChainPlace {
    return batch.reduce((place, { seq, block }) => {
      this.#checkGap(origin, place.seq + 1, seq)
      if (block === undefined) {
        this.#add('block-unreadable', origin, seq, `block ${seq} is not readable`)
        return { seq, id: new Uint8Array() }
      }
      // After a gap or an unreadable block there is no id to compare with.
      const comparable = place.seq === seq - 1 && place.id.length > 0
      if (comparable && !equalBytes(block.prev, place.id))
        this.#add('link-broken', origin, seq, `block ${seq} does not follow block ${seq - 1}`)
      return { seq, id: block.id }
    }, before)
  }

  async #checkRest(batch: readonly StoredBlock[]): Promise<void> {
    const blocks = batch.flatMap(({ block }) => block ?? [])
    const places = await this.#byId.getMany(blocks.map(({ id }) => id))
    blocks.forEach(({ nodeId, seq }, index) => {
      const place = places[index]
      if (place === undefined || !equalBytes(place, placeKey(nodeId, seq)))
        this.#add('index-missing', nodeId, seq, `block ${seq} is not found by its id`)
    })
    const own = blocks.filter(({ nodeId }) => nodeId === this.#options.nodeId)
    const payloads = await this.#payloads.getMany(own.map(({ payloadHash }) => payloadHash))
    own.forEach((block, index) => {
      this.#checkPayload(block, payloads[index])
    })
    if (this.#options.scope === 'full') await Promise.all(blocks.map((block) => this.#checkSignature(block)))
  }

  #checkPayload({ nodeId, seq, payloadHash }: Microblock, sealed: Uint8Array | undefined): void {
    const { sealer } = this.#dependencies
    if (sealed === undefined) {
      this.#add('payload-missing', nodeId, seq, `the payload of block ${seq} is missing`)
    } else if (sealed.length > 0 && sealer !== undefined && this.#options.scope === 'full') {
      if (!opensTo(sealer, sealed, payloadHash))
        this.#add('payload-broken', nodeId, seq, `the payload of block ${seq} does not open or is another one`)
    }
  }

  async #checkSignature(block: Microblock): Promise<void> {
    const { signatures } = this.#dependencies
    if (signatures === undefined || this.#signedBytes === undefined) return
    const key = await signatures.findKey(block.nodeId, block.keyId, block.timestampMs)
    if (key === undefined) {
      this.#add('key-unknown', block.nodeId, block.seq, `the key that signed block ${block.seq} is not known`)
    } else if (!(await signatures.provider.verify(key, this.#signedBytes(block.id), block.signature))) {
      this.#add('signature-wrong', block.nodeId, block.seq, `the signature of block ${block.seq} is wrong`)
    }
  }

  #add(kind: LedgerProblemKind, origin: string, seq: number, message: string): void {
    this.#problemCount += 1
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push({ kind, origin, seq, message })
  }
}

/** The block that belongs at this place; undefined for anything else. */
function readBlock(origin: string, seq: number, bytes: Uint8Array): Microblock | undefined {
  try {
    const block = decodeMicroblock(bytes)
    return block.nodeId === origin && block.seq === seq ? block : undefined
  } catch {
    return undefined
  }
}

function opensTo(sealer: Sealer, sealed: Uint8Array, hash: Uint8Array): boolean {
  try {
    return equalBytes(sha256(sealer.open(sealed, hash)), hash)
  } catch {
    return false
  }
}
