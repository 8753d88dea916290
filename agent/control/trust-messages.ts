import type { ListView } from './ca-messages.ts'

/** What a node thinks of another one, and why. */
export interface VerdictView {
  readonly nodeId: string
  /** `trusted`, `stale`, `unreachable` or `untrusted`. */
  readonly verdict: string
  readonly reasons: readonly string[]
}

/** Why a node whose certificate has ended may still get a new one, and what somebody can do. */
export interface GraceView {
  readonly expiredAtMs: number
  /** How long the CA renews it, unless its policy says otherwise. */
  readonly untilMs: number
  /** Times it was renewed like this before, and times more it may be, as the CA said last. */
  readonly used: number
  readonly left: number
  readonly why: string
  readonly help: string
}

/** The trust section of a node's status. Times are milliseconds since the Unix epoch. */
export interface TrustStatus {
  readonly clock: {
    /** `trusted`; `behind` or `ahead`: the machine's clock is wrong, and the floor is the time. */
    readonly standing: string
    /** What the node takes for the time. */
    readonly nowMs: number
    /** How far the machine's clock is from that. */
    readonly offByMs: number
    /** Latest time that CAs have vouched for. */
    readonly floorMs: number
  }
  readonly rotation: {
    readonly caUrl?: string
    readonly dueAtMs: number
    /** Failed attempts since the last certificate, and why the last one failed. */
    readonly failures: number
    readonly lastFailure?: string
    /** Certificates taken into use since the start. */
    readonly renewed: number
  }
  /** While the certificate has ended. */
  readonly grace?: GraceView
  readonly lists: readonly (ListView & {
    /** Until peers are no longer trusted by it. */
    readonly trustedForMs: number
  })[]
  /** Revocations that operators have ordered and no list covers yet. */
  readonly ordered: number
  /** How asking the CA goes; absent when nobody has said where it is. */
  readonly polling?: {
    readonly answeredAtMs?: number
    readonly nextAtMs: number
    readonly failures: number
    readonly lastFailure?: string
  }
  /** Epoch of the key under which addresses are hashed, and the one whose key is still to come. */
  readonly pseudonym: { readonly epoch: number; readonly wanted?: number }
  /** Of nodes that are connected or revoked. */
  readonly verdicts: readonly VerdictView[]
}

/** A certificate that was taken into use. */
export interface CertificateView {
  readonly serialNumber: string
  readonly expiresAtMs: number
}

/** What a running node answers about trust, apart from `crl.*`. */
export interface TrustControlMethods {
  /** Changes the certificate now. */
  'node.rotate': { params: Record<string, never>; result: CertificateView }
  /** Takes a directive that an operator has signed, with the chain of its certificate (leaf first), all in base64. */
  'directive.send': {
    params: { readonly record: string; readonly chain: readonly string[] }
    result: { readonly id: string; readonly isNews: boolean }
  }
  /** An operator vouches for the time: `atMs`, else what the machine's clock shows. */
  'time.confirm': { params: { readonly atMs?: number }; result: TrustStatus['clock'] }
}
