import type { AuditEntry } from '../audit.ts'
import type { TokenState } from '../redemption.ts'
import type { HolderKind } from './ca-types.ts'
import type { PeerAddresses } from './formats.ts'
import type { HeldCertificate, IssuedCertificate, NameOwner, StoredRevocation } from './issued-format.ts'
import type { ListRecord } from './list-record.ts'

/** Single values of a CA, by name. */
export type CaFact = 'root' | 'settings' | 'policy' | 'authorities' | 'approvals' | 'recovery' | 'revocations'

/** One change to what a CA keeps. */
export type CaChange =
  | { readonly kind: 'fact'; readonly name: CaFact; readonly value: Uint8Array | undefined }
  | { readonly kind: 'token'; readonly tokenId: Uint8Array; readonly token: TokenState }
  /** Forgets a token and who redeemed it. */
  | { readonly kind: 'forget-token'; readonly tokenId: Uint8Array }
  | {
      readonly kind: 'redemption'
      readonly tokenId: Uint8Array
      readonly identityKeyId: Uint8Array
      readonly serialNumber: Uint8Array
    }
  | { readonly kind: 'certificate'; readonly issued: IssuedCertificate }
  /** Forgets a certificate as if it had not been issued; none that was revoked. */
  | { readonly kind: 'forget-certificate'; readonly issued: IssuedCertificate }
  | { readonly kind: 'revocation'; readonly revocation: StoredRevocation }
  | { readonly kind: 'owner'; readonly nodeId: string; readonly owner: NameOwner }
  | { readonly kind: 'peer'; readonly nodeId: string; readonly peer: PeerAddresses }
  /** A record with the lists that it names; those that are left out stay as they are. */
  | {
      readonly kind: 'list'
      readonly record: ListRecord
      readonly full?: Uint8Array | undefined
      readonly delta?: Uint8Array | undefined
    }

/**
 * What a CA must not forget. Several processes may share one store if its locks hold between them; the one on LevelDB
 * belongs to one process. Reads see what was committed. Iterators see the state of the moment at which they began.
 */
export interface CaStore {
  /**
   * Runs `task` while no other task with one of these names runs; `all` excludes every other. What the task reads of the
   * named things cannot change before it commits. Locks do not nest.
   * @throws ENROLLMENT_BUSY, and what `task` throws
   */
  locked<T>(names: readonly string[] | 'all', task: () => Promise<T>): Promise<T>
  /**
   * Makes all changes durable or none, with their entries in the audit, which it chains. After CORE_STORE_WRITE the
   * outcome is open until the next task: by then the changes have been made.
   * @throws CORE_STORE_WRITE, CORE_STORE_CLOSED
   */
  commit(changes: readonly CaChange[], audit: readonly AuditEntry[]): Promise<void>

  fact(name: CaFact): Promise<Uint8Array | undefined>
  token(tokenId: Uint8Array): Promise<TokenState | undefined>
  tokens(): AsyncIterable<readonly [tokenId: Uint8Array, token: TokenState]>
  /** Serial number of the certificate that a key got for a token. */
  redemption(tokenId: Uint8Array, identityKeyId: Uint8Array): Promise<Uint8Array | undefined>
  certificate(serialNumber: Uint8Array): Promise<IssuedCertificate | undefined>
  certificates(): AsyncIterable<IssuedCertificate>
  countCertificates(): Promise<number>
  /** Certificates of one holder, in no order. */
  certificatesOf(kind: HolderKind, name: string): Promise<readonly HeldCertificate[]>
  /** Serial numbers of the certificates over one identity key, revoked ones that were lost included. */
  certificatesOver(identityKeyId: Uint8Array): Promise<readonly Uint8Array[]>
  /** Every certificate of one kind, those of a holder one after the other. */
  heldCertificates(kind: HolderKind): AsyncIterable<HeldCertificate & { readonly name: string }>
  /** Names of holders that have a certificate which is neither expired nor revoked. */
  liveHolders(kind: HolderKind, nowMs: number): Promise<ReadonlySet<string>>
  revocation(serialNumber: Uint8Array): Promise<StoredRevocation | undefined>
  /** Revocations with sequences above `after`, in ascending order. */
  revocations(after: number): AsyncIterable<StoredRevocation>
  owner(nodeId: string): Promise<NameOwner | undefined>
  /** Addresses of nodes other than `exceptNodeId`, the most recently learned node first; in a large mesh, of some. */
  peerAddresses(exceptNodeId: string): Promise<string[]>
  listRecords(): Promise<readonly ListRecord[]>
  /** DER of a list that a record names. */
  list(authorityKeyId: Uint8Array, kind: 'full' | 'delta'): Promise<Uint8Array | undefined>
  /** Entries of the audit as they are chained. */
  audit(order: 'oldest-first' | 'newest-first'): AsyncIterable<Uint8Array>
  /** Lets tasks under way end, then closes. */
  close(): Promise<void>
}
