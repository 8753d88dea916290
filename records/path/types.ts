import type { PublicKey, SignaturePolicy, SuiteName } from '../../crypto/index.ts'

/** What a node may do, from the signed roles extension of its certificate. */
export type Role = 'node' | 'validator' | 'operator' | 'ca'

/** A certificate as read from DER by our own strict parser; nothing here has been verified yet. */
export interface Certificate {
  readonly der: Uint8Array
  /** SHA-256 of {@link der}. */
  readonly fingerprint: Uint8Array
  /** Unsigned big-endian, no leading zero byte, 1 to 20 bytes. */
  readonly serialNumber: Uint8Array
  /** DER of the Name. */
  readonly issuerName: Uint8Array
  /** DER of the Name. */
  readonly subjectName: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Subject key, SubjectPublicKeyInfo DER. */
  readonly spki: Uint8Array
  /** SHA-256 of the SPKI (RFC 7093 method 4). */
  readonly subjectKeyId: Uint8Array
  /** Subject key id of the issuer. */
  readonly authorityKeyId: Uint8Array
  readonly signatureSuite: SuiteName
  readonly signature: Uint8Array
  readonly tbs: Uint8Array
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength?: number } | undefined
  readonly keyUsage: ReadonlySet<string> | undefined
  /** Dotted OIDs. */
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly uris: readonly string[]
  readonly dnsNames: readonly string[]
  /** Bundle endpoints (RFC 9174 §4.4.2), such as `dtn://relay-7.north-grid/`. */
  readonly bundleEndpoints: readonly string[]
  /** DNS and URI subtrees a CA is held to. */
  readonly nameConstraints: { readonly dns: readonly string[]; readonly uri: readonly string[] } | undefined
  readonly roles: readonly Role[]
  /** libp2p SignedKey extension: protobuf public key of the overlay key and its signature over the SPKI. */
  readonly overlayKey: { readonly publicKey: Uint8Array; readonly signature: Uint8Array } | undefined
  /** X.509 (10/2019) §9.8: the device key of a node, the classical key of a CA. */
  readonly altSpki: Uint8Array | undefined
  readonly altSignatureSuite: SuiteName | undefined
  /** As a provider takes it: ECDSA as r‖s. */
  readonly altSignature: Uint8Array | undefined
  /** What the alternative signature covers: the TBS minus `signature` and minus altSignatureValue. */
  readonly altTbs: Uint8Array | undefined
}

/** What a verifier knows of revocations; pure look-up. */
export interface RevocationView {
  /**
   * The revocation of a certificate, if known: by its serial number, and by its key, so that no other certificate of
   * the same CA over a revoked key escapes.
   */
  find(certificate: Certificate): Revocation | undefined
}

export interface Revocation {
  readonly revokedAtMs: number
  /** True for key compromise: the key's word counts at no time. */
  readonly keyCompromise: boolean
}

export interface PathPolicy {
  readonly mesh: string
  /** SHA-256 of the root's DER: pins both root keys. */
  readonly rootFingerprint: Uint8Array
  readonly signaturePolicy: SignaturePolicy
  /** What the leaf must be allowed to do. */
  readonly purpose: 'node' | 'operator' | 'ca-server'
  /** Difference between clocks that is tolerated at notBefore. Default 5 min. */
  readonly maxClockSkewMs?: number
}

/** A path that held at the asked time: who the leaf is, and its keys, imported once. */
export interface ValidPath {
  readonly mesh: string
  readonly nodeId: string
  readonly roles: readonly Role[]
  readonly leaf: Certificate
  readonly chain: readonly Certificate[]
  readonly identityKey: PublicKey
  readonly deviceKey: PublicKey
  /** Protobuf-coded libp2p public key, proven by the SignedKey signature; undefined for anyone but a node. */
  readonly overlayPublicKey: Uint8Array | undefined
}
