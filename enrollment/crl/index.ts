/**
 * Revocation lists. DER goes in through {@link parseCrl}, which reads strictly and verifies nothing; {@link verifyCrl}
 * says whether a CA has issued the list; {@link RevocationIndex} decides whether it counts, waits or is refused, and
 * answers who is revoked. A CA writes lists with {@link writeCrl}. Pure: no clock, no disk, no network; a node keeps
 * its lists with `openListStore` of `enrollment/store/`.
 */
export { LAST_TIME_MS, type RevokedEntries, type RevokedEntry, revokedEntries } from './entries.ts'
export { numberFromBytes, numberToBytes } from './extensions.ts'
export { parseCrl } from './parse.ts'
export {
  compromisesKey,
  REASON_CODES,
  REVOKE_REASONS,
  type RevocationReason,
  type RevokeReason,
  reasonName,
} from './reasons.ts'
export { RevocationIndex } from './revocation-index.ts'
export { listStaleness, parseStalenessPolicy, type Staleness, type StalenessPolicy } from './staleness.ts'
export { type Applied, type KeptList, type ListOutcome, RevocationState, type StoredState } from './state.ts'
export type { ListFacts, ListKind, PseudonymCommitment, RevocationList } from './types.ts'
export { verifyCrl } from './verify.ts'
export { type CrlContent, writeCrl } from './write.ts'
