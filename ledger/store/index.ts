/**
 * The ledger's data in the node's database: chains, payloads, conflicts. `openLedger` appends, receives and answers;
 * `checkLedger` compares what is there with what should be.
 */
export type { CommitAppend, NewEvent, PreparedAppend } from './append.ts'
export type { BlockConflict } from './blocks.ts'
export {
  checkLedger,
  type LedgerCheckDependencies,
  type LedgerCheckOptions,
  type LedgerProblem,
  type LedgerProblemKind,
  type LedgerReport,
} from './check.ts'
export type { ChainWant, LearnedHead } from './heads.ts'
export { type BlockState, type Ledger, type LedgerDependencies, type LedgerOptions, openLedger } from './ledger.ts'
export type { KeyLookup } from './receive.ts'
