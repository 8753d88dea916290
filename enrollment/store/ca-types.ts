import type { Clock, Logger, RandomSource } from '../../core/index.ts'
import type { SignatureProvider } from '../../crypto/index.ts'
import type { Role } from '../../records/path/index.ts'
import type { RevocationReason, RevokeReason } from '../crl/index.ts'
import type { MeshSuite } from '../keys/index.ts'
import type { MeshSettings } from '../types.ts'

/** What goes into a CA and what comes out of it. Times are milliseconds since the Unix epoch. */

export interface CaDependencies {
  readonly provider: SignatureProvider
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
}

export interface TokenOptions {
  /** Binds the token to one node_id. Default: the request names the node. */
  nodeId?: string | undefined
  /** Roles of the certificate: `node`, `validator`. Default `['node']`. */
  roles?: readonly Role[] | undefined
  /** Certificates that the token is good for, 1 to 1,000. Default 1. */
  uses?: number | undefined
  /** Default 24 hours, at most 30 days. */
  lifetimeMs?: number | undefined
  /** Words that the CA keeps with the node and shows in its list. Default none. */
  labels?: readonly string[] | undefined
  /** Whether the node must prove its device, whatever the policy says. Default `none`. */
  attestation?: 'none' | 'required' | undefined
}

/** How many tokens there are, by state. */
export interface TokenCounts {
  readonly open: number
  readonly used: number
  readonly expired: number
}

/** An authority whose key this CA holds. Key ids and fingerprints are hexadecimal. */
export interface AuthoritySummary {
  readonly keyId: string
  readonly kind: 'root' | 'issuing'
  /** Whether new certificates are signed with it. */
  readonly active: boolean
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

export interface CaStatus {
  readonly mesh: string
  readonly suite: MeshSuite
  /** The root that the mesh is known by; the fingerprint in hexadecimal. */
  readonly root: { readonly fingerprint: string; readonly notBeforeMs: number; readonly notAfterMs: number }
  readonly authorities: readonly AuthoritySummary[]
  /** Certificates issued so far. */
  readonly issued: number
  readonly tokens: TokenCounts
  readonly settings: MeshSettings & { readonly mesh: string; readonly pseudonymEpoch: number }
  /** A certificate turned up that this CA signed and does not know: it runs on an old backup, and must be told so. */
  readonly behind: boolean
}

/** What the HTTPS endpoint of the CA shows and signs with, PEM. */
export interface ServerIdentity {
  readonly certificateChain: string
  readonly privateKey: string
}

/** Whether the caller has verified evidence of the node's device. */
export interface Attested {
  readonly attested?: boolean | undefined
}

/** `POST /v1/rotate`, read from its JSON. */
export interface RenewalRequest {
  /** PKCS#10, DER, over a new identity key. */
  readonly csr: Uint8Array
  /** Of the certificate that is presented. */
  readonly currentSerialNumber: Uint8Array
}

/** A certificate with its chain. */
export interface IssuedChain {
  /** DER: leaf first, root last. */
  readonly chain: readonly Uint8Array[]
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** True when the same keys had got this certificate before. */
  readonly repeated: boolean
}

/** A new certificate for a member. */
export interface Renewal extends IssuedChain {
  /** Present when the old certificate had expired: how often the node may come back like this again. */
  readonly grace?: { readonly used: number; readonly left: number } | undefined
}

/** Which certificates to revoke: one, all live ones of a node or an operator; an issuing CA goes by its serial number. */
export type RevocationTarget =
  | { readonly serialNumber: Uint8Array }
  | { readonly nodeId: string }
  | { readonly operator: string }

export interface RevokeOptions {
  /** Default `privilegeWithdrawn`. */
  reason?: RevokeReason | undefined
  /** Since when the certificates have been invalid, if not since now: 1970 to 9999. */
  invalidityMs?: number | undefined
}

/** What a certificate of the CA is for. */
export type HolderKind = 'node' | 'operator' | 'issuing'

export type CertificateState = 'live' | 'expired' | 'revoked'

/** A certificate that the CA issued. */
export interface IssuedSummary {
  readonly kind: HolderKind
  /** node_id, name of an operator, or name of an issuing CA. */
  readonly name: string
  readonly serialNumber: Uint8Array
  readonly state: CertificateState
  readonly roles: readonly Role[]
  readonly labels: readonly string[]
  readonly issuedAtMs: number
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Present when it is revoked. */
  readonly revocation?: { readonly revokedAtMs: number; readonly reason: RevocationReason } | undefined
}

/** A revocation list as it is published. */
export interface PublishedList {
  readonly der: Uint8Array
  readonly number: bigint
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
  /** SHA-256 of the DER in hexadecimal. */
  readonly etag: string
}

/** The lists of one authority. */
export interface AuthorityLists {
  /** Subject key id. */
  readonly authorityKeyId: Uint8Array
  /** Whether this CA signs them; else they were imported. */
  readonly own: boolean
  readonly full: PublishedList
  readonly delta?: PublishedList | undefined
}

export interface AddOperatorOptions {
  /** DNS label. */
  name: string
  /** PKCS#10 of `buildMemberCsr`, DER. */
  csr: Uint8Array
  /** Default 90 days. */
  lifetimeMs?: number | undefined
}

/** Who has approved a change of the root, and how many must. */
export interface RootApprovals {
  readonly approvedBy: readonly string[]
  /** 0 while there are fewer than two operators. */
  readonly needed: number
}
