/**
 * What a member asks of its CA over HTTPS: its next certificate, revocation lists, the pseudonym key. A door of its own, so
 * that a running node loads this when it asks, and never a CA.
 */
export {
  type FetchedList,
  type FetchListOptions,
  fetchList,
  fetchPseudonym,
  type MemberOptions,
  type RequestRotationOptions,
  type Rotated,
  requestRotation,
} from '../api/member-client.ts'
export { buildCsr, type RequestKeys } from '../csr.ts'
export type { PseudonymKey } from '../types.ts'
