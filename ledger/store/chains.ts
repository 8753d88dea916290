import { GapmeshError, utf8 } from '../../core/index.ts'
import { type Database, type Operation, ROOM } from '../../core/store/index.ts'
import { type ChainState, decodeChainState, emptyChain, encodeChainState } from '../chain-state.ts'
import { LEDGER_ERRORS } from '../errors.ts'
import { MAX_ORIGINS } from '../limits.ts'

/** The state of every known chain, in memory and on disk. Memory changes only after the disk did. */
export class Chains {
  readonly #database: Database
  readonly #states = new Map<string, ChainState>()

  constructor(database: Database) {
    this.#database = database
  }

  /** @throws LEDGER_DAMAGED when a stored state is not one */
  async load(): Promise<void> {
    for await (const [key, value] of this.#database.room(ROOM.chainHeads).entries()) {
      const origin = Buffer.from(key).toString('latin1')
      this.#states.set(origin, readState(origin, value))
    }
  }

  get(origin: string): ChainState {
    return this.#states.get(origin) ?? emptyChain()
  }

  /** Every known chain, by node_id. */
  all(): [origin: string, state: ChainState][] {
    return [...this.#states].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** @throws LEDGER_ORIGINS_FULL when `origin` is not known and there is no room to remember it */
  checkRoomFor(origin: string): void {
    if (!this.#states.has(origin) && this.#states.size >= MAX_ORIGINS) throw LEDGER_ERRORS.create('LEDGER_ORIGINS_FULL')
  }

  /** The operation that stores `state`; {@link set} follows once it is committed. */
  put(origin: string, state: ChainState): Operation {
    return this.#database.room(ROOM.chainHeads).put(utf8(origin), encodeChainState(state))
  }

  set(origin: string, state: ChainState): void {
    this.#states.set(origin, state)
  }
}

function readState(origin: string, value: Uint8Array): ChainState {
  try {
    return decodeChainState(value)
  } catch (cause) {
    if (!(cause instanceof GapmeshError)) throw cause
    throw LEDGER_ERRORS.create('LEDGER_DAMAGED', {
      cause,
      metadata: { origin },
      detail: 'a chain state is not readable',
    })
  }
}
