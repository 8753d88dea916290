import type { RevokeReason } from '../../enrollment/crl/index.ts'
import type { EnrollmentPolicy } from '../../enrollment/index.ts'
import type { CaStatus } from '../../enrollment/store/index.ts'

/** What a serving CA is asked. Serial numbers, key ids and hashes are lower-case hexadecimal, DER is base64. */

/** What the CA tells of itself. */
export type CaSummary = Pick<CaStatus, 'mesh' | 'suite' | 'root' | 'authorities' | 'issued' | 'tokens' | 'behind'>

/** What a token is to be good for. */
export interface TokenParams {
  readonly validForMs: number
  readonly nodeId?: string
  readonly uses?: number
  readonly roles?: readonly ('node' | 'validator')[]
  readonly labels?: readonly string[]
  readonly attestation?: 'none' | 'required'
}

/** Which certificates are listed. */
export interface IssuedFilter {
  readonly kind?: 'node' | 'operator' | 'issuing'
  readonly state?: 'live' | 'expired' | 'revoked'
}

/** A certificate that the CA issued. */
export interface IssuedView {
  readonly kind: string
  readonly name: string
  readonly serialNumber: string
  readonly state: string
  readonly roles: readonly string[]
  readonly labels: readonly string[]
  readonly issuedAtMs: number
  readonly notAfterMs: number
  readonly revokedAtMs?: number
  readonly reason?: string
}

/** Exactly one of the first three. */
export interface RevokeParams {
  readonly serialNumber?: string
  readonly nodeId?: string
  readonly operator?: string
  readonly reason?: RevokeReason
  /** Since when the certificates have been invalid. */
  readonly invalidityMs?: number
}

/** A policy in JSON, in which null stands for what is not set. */
export type PolicyView = { readonly [Name in keyof EnrollmentPolicy]: NonNullable<EnrollmentPolicy[Name]> | null }

/** A decision of the CA. */
export interface AuditView {
  readonly atMs: number
  readonly event: string
  readonly actor: { readonly kind: string; readonly name: string }
  readonly nodeId?: string
  readonly tokenId?: string
  readonly serialNumber?: string
  readonly detail: string
}

/** A revocation list that is applied, or that a CA has issued. */
export interface ListView {
  readonly authority: string
  readonly kind: 'full' | 'delta'
  /** CRLNumber, decimal: it can be longer than a number of JSON. */
  readonly number: string
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
  readonly ageMs: number
  /** `fresh`, or how far nextUpdate has passed by the policy of this node: `tolerated`, `expired`. */
  readonly state: string
  /** Whether this CA signs it; undefined at a node. */
  readonly own?: boolean
}

/** The lists of a home, and at a node those of its peers. */
export interface ListsStatus {
  readonly lists: readonly ListView[]
  readonly peers?: readonly {
    readonly nodeId: string
    readonly lists: readonly { readonly authority: string; readonly number: string; readonly sinceMs: number }[]
  }[]
}

type Nothing = Record<string, never>
type Bytes = { readonly bytes: string }

/** What a serving CA answers. A running node answers `crl.*` too. */
export interface CaControlMethods {
  'ca.status': { params: Nothing; result: CaSummary }
  'ca.token': { params: TokenParams; result: { readonly token: string; readonly expiresAtMs: number } }
  'ca.revoke': { params: RevokeParams; result: { readonly revoked: readonly IssuedView[] } }
  'ca.policy': { params: Nothing; result: { readonly policy: PolicyView } }
  'ca.setPolicy': { params: { readonly policy: PolicyView }; result: { readonly revoked: readonly IssuedView[] } }
  'ca.addOperator': {
    params: { readonly name: string; readonly csr: string; readonly validForMs?: number }
    result: { readonly chain: readonly string[]; readonly notAfterMs: number; readonly suite: string }
  }
  'ca.approve': { params: Nothing; result: { readonly approvedBy: readonly string[]; readonly needed: number } }
  'ca.rekey': { params: Nothing; result: { readonly keyId: string; readonly notAfterMs: number } }
  'ca.signIssuing': { params: { readonly request: string }; result: { readonly answer: string } }
  'ca.restored': { params: { readonly lists: readonly string[] }; result: Nothing }
  'ca.verifyAudit': { params: Nothing; result: { readonly entries: number; readonly head: string } }
  'ca.root': { params: Nothing; result: { readonly der: string } }
  'crl.status': { params: Nothing; result: ListsStatus }
  'crl.import': {
    params: { readonly der: string }
    /** `applied`, `held` until what comes before it is here, or `known` already. */
    result: { readonly outcome: 'applied' | 'held' | 'known'; readonly number: string }
  }
}

/** Which list is read: by default the full one of the authority that issues now. */
export interface ListParams {
  readonly kind: 'full' | 'delta'
  readonly authority?: string
}

/** What a serving CA answers with a stream. */
export interface CaControlStreams {
  'ca.list': { params: IssuedFilter; item: IssuedView }
  'ca.audit': { params: { readonly limit?: number }; item: AuditView }
  /** Entries as they were hashed, oldest first. */
  'ca.exportAudit': { params: Nothing; item: Bytes }
  /** The DER, in pieces; none when there is no such list. */
  'crl.read': { params: ListParams; item: Bytes }
}
