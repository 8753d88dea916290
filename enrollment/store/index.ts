/**
 * The mesh CA on disk. {@link initCa} makes one, {@link openCa} opens it; the {@link MeshCa} they give makes tokens and
 * redeems them. Everything it decides is in one LevelDB database of its own, its keys in a keystore beside it.
 */
export {
  type CaDependencies,
  type CaStatus,
  MeshCa,
  type ServerIdentity,
  type TokenOptions,
} from './ca.ts'
export { type CaHomeOptions, type InitCaOptions, initCa, openCa } from './ca-home.ts'
export type { TokenCounts } from './ca-state.ts'
export type { AuditEntry, CaSettings } from './formats.ts'
export { CA_KEYS, ensureSecret, ensureSigningKey, pseudonymKeyName } from './keys.ts'
