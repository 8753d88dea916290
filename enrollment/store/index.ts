/**
 * The mesh CA on disk. {@link initCa} makes one, {@link openCa} opens it; the {@link MeshCa} they give makes tokens,
 * redeems them, renews and revokes certificates and issues the lists that say so. {@link initIssuingCa} and
 * {@link installIssuingCa} make one that works under a root elsewhere. Everything a CA decides is in one LevelDB database
 * of its own, its keys in a keystore beside it. {@link openListStore} keeps a node's revocation lists in the node's database.
 */
export { MeshCa } from './ca.ts'
export { type CaHomeOptions, type InitCaOptions, initCa, openCa } from './ca-home.ts'
export type {
  AddOperatorOptions,
  Attested,
  AuthorityLists,
  AuthoritySummary,
  CaDependencies,
  CaStatus,
  CertificateState,
  HolderKind,
  IssuedChain,
  IssuedSummary,
  PublishedList,
  Renewal,
  RenewalRequest,
  RevocationTarget,
  RevokeOptions,
  RootApprovals,
  ServerIdentity,
  TokenCounts,
  TokenOptions,
} from './ca-types.ts'
export type { CaSettings } from './formats.ts'
export {
  type InitIssuingCaOptions,
  type InstallIssuingCaOptions,
  initIssuingCa,
  installIssuingCa,
} from './issuing-home.ts'
export { CA_KEYS, ensureSecret, ensureSigningKey } from './keys.ts'
export { type ListStore, openListStore } from './list-store.ts'
