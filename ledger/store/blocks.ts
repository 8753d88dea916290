import { equalBytes, type GapmeshError } from '../../core/index.ts'
import { type Database, type Operation, ROOM, type Room } from '../../core/store/index.ts'
import type { Sealer } from '../../crypto/index.ts'
import { LEDGER_ERRORS } from '../errors.ts'
import { decodeMicroblock, type Microblock } from '../microblock.ts'
import { conflictKey, originRange, placeKey, placeOfKey } from './keys.ts'

/** Two different blocks with valid signatures at one place of a chain. */
export interface BlockConflict {
  readonly origin: string
  readonly seq: number
  /** The block of the chain that is held. */
  readonly held: Microblock
  readonly other: Microblock
}

/** Blocks and payloads on disk: reading, and the operations that write. Knows nothing of heads. */
export class BlockStore {
  readonly #blocks: Room
  readonly #byId: Room
  readonly #payloads: Room
  readonly #conflicts: Room
  readonly #sealer: Sealer

  constructor(dependencies: { database: Database; sealer: Sealer }) {
    this.#blocks = dependencies.database.room(ROOM.blocks)
    this.#byId = dependencies.database.room(ROOM.blocksById)
    this.#payloads = dependencies.database.room(ROOM.payloads)
    this.#conflicts = dependencies.database.room(ROOM.blockConflicts)
    this.#sealer = dependencies.sealer
  }

  /** Operations that add `block` to its chain. */
  putBlock(block: Microblock): Operation[] {
    const place = placeKey(block.nodeId, block.seq)
    return [this.#blocks.put(place, block.bytes), this.#byId.put(block.id, place)]
  }

  /** Operations that clear places and ids that no chain holds. */
  clear(origin: string, seqs: readonly number[], ids: readonly Uint8Array[]): Operation[] {
    return [...seqs.map((seq) => this.#blocks.delete(placeKey(origin, seq))), ...ids.map((id) => this.#byId.delete(id))]
  }

  /** The operation that stores a payload, sealed to its hash. */
  putPayload(hash: Uint8Array, payload: Uint8Array): Operation {
    return this.#payloads.put(hash, this.#sealer.seal(payload, hash))
  }

  /** Marks a payload as never held here, so that its absence is no damage. */
  putNoPayload(hash: Uint8Array): Operation {
    return this.#payloads.put(hash, new Uint8Array())
  }

  putConflict(block: Microblock): Operation {
    return this.#conflicts.put(conflictKey(block.nodeId, block.seq, block.id), block.bytes)
  }

  async block(origin: string, seq: number): Promise<Microblock | undefined> {
    const bytes = await this.#blocks.get(placeKey(origin, seq))
    return bytes === undefined ? undefined : readBlock(bytes)
  }

  /** The block with `id`, where the index and the chain agree on it. */
  async blockById(id: Uint8Array): Promise<Microblock | undefined> {
    const place = placeOfKey((await this.#byId.get(id)) ?? new Uint8Array())
    const block = place && (await this.block(place.origin, place.seq))
    return block !== undefined && equalBytes(block.id, id) ? block : undefined
  }

  /** Ids of the blocks at `seqs`, as far as they are held. */
  async ids(origin: string, seqs: readonly number[]): Promise<Map<number, Uint8Array>> {
    const found = await this.#blocks.getMany(seqs.map((seq) => placeKey(origin, seq)))
    return new Map(
      found.flatMap((bytes, index) => (bytes === undefined ? [] : [[seqs[index] ?? 0, readBlock(bytes).id] as const])),
    )
  }

  /** Bytes of the blocks from `fromSeq` to `toSeq`, both included, in order. */
  async *range(origin: string, fromSeq: number, toSeq: number): AsyncIterable<Uint8Array> {
    if (toSeq < fromSeq) return
    const range = { gte: placeKey(origin, fromSeq), lte: placeKey(origin, toSeq) }
    for await (const [, bytes] of this.#blocks.entries(range)) yield bytes
  }

  /**
   * The payload with `hash`; undefined when this node does not hold it.
   * @throws LEDGER_DAMAGED when it does not open
   */
  async payload(hash: Uint8Array): Promise<Uint8Array | undefined> {
    const sealed = await this.#payloads.get(hash)
    if (sealed === undefined || sealed.length === 0) return undefined
    try {
      return this.#sealer.open(sealed, hash)
    } catch (cause) {
      throw LEDGER_ERRORS.create('LEDGER_DAMAGED', { cause, detail: 'a payload does not open' })
    }
  }

  /** True when the payload is held, or is known never to have been. */
  hasPayload(hash: Uint8Array): Promise<boolean> {
    return this.#payloads.has(hash)
  }

  hasConflict(block: Microblock): Promise<boolean> {
    return this.#conflicts.has(conflictKey(block.nodeId, block.seq, block.id))
  }

  async conflicts(origin: string): Promise<BlockConflict[]> {
    const found: BlockConflict[] = []
    for await (const [, bytes] of this.#conflicts.entries(originRange(origin))) {
      const other = readBlock(bytes)
      const held = await this.block(origin, other.seq)
      if (held !== undefined) found.push({ origin, seq: other.seq, held, other })
    }
    return found
  }
}

/** @throws LEDGER_DAMAGED: what the store holds was decoded before it was written */
function readBlock(bytes: Uint8Array): Microblock {
  try {
    return decodeMicroblock(bytes)
  } catch (cause) {
    throw damaged(cause)
  }
}

function damaged(cause: unknown): GapmeshError {
  return LEDGER_ERRORS.create('LEDGER_DAMAGED', { cause, detail: 'a microblock is not readable' })
}
