/**
 * What a node saw, in an order nobody can quietly change: one hash chain of signed microblocks per node.
 *
 * In: events of this node (`append`, with the caller's commit), heads and blocks of other nodes (`learn`, `receive`).
 * Out: signed blocks to announce, blocks by number or id, own payloads, conflicts, the judgement whether this node may
 * append. Payloads stay here, sealed; only their hashes travel.
 */
export type { ChainHead, ChainPlace } from './chain-state.ts'
export { LEDGER_ERRORS } from './errors.ts'
export { MAX_BLOCK_BYTES, MAX_BLOCKS_PER_ANSWER, MAX_EVENTS_PER_APPEND, MAX_PAYLOAD_BYTES } from './limits.ts'
export {
  decodeMicroblock,
  EVENT_TYPES,
  type EventType,
  encodeMicroblock,
  type MeshBinding,
  type Microblock,
  type MicroblockFields,
  microblockId,
  type SignedBytes,
  signedBytesOf,
} from './microblock.ts'
export { decideOwnHead, type HeadAnswer, type OwnHeadDecision, type OwnHeadQuestion } from './own-head.ts'
export { type HeardHead, type LedgerPort, ledgerPort, type PortObserver, type ReceiveVerdict } from './port.ts'
export {
  type BlockConflict,
  type BlockState,
  type ChainWant,
  type CommitAppend,
  checkLedger,
  type KeyLookup,
  type LearnedHead,
  type Ledger,
  type LedgerCheckDependencies,
  type LedgerCheckOptions,
  type LedgerDependencies,
  type LedgerOptions,
  type LedgerProblem,
  type LedgerProblemKind,
  type LedgerReport,
  type NewEvent,
  openLedger,
  type PreparedAppend,
} from './store/index.ts'
