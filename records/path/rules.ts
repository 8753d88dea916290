import { equalBytes, toHex } from '../../core/index.ts'
import { PATH_ERRORS } from './errors.ts'
import { MAX_CHAIN_LENGTH } from './limits.ts'
import { isWithinDns, isWithinUri, memberLabel } from './names.ts'
import { OID } from './oids.ts'
import type { Certificate, PathPolicy, Revocation, RevocationView, Role } from './types.ts'

/** The rules of path validation that need no cryptography: each throws the one error that names it. */

const DEFAULT_CLOCK_SKEW_MS = 5 * 60 * 1000

/** A path with at least a leaf and a root, which may not be the same. */
export interface Path {
  readonly leaf: Certificate
  readonly root: Certificate
  /** The root is the caller's own trust anchor, not what the path brought along. */
  readonly rootHeld: boolean
  /** Leaf first, root last. */
  readonly chain: readonly Certificate[]
}

/**
 * The path from `chain`, with `root` added where it was left out, if it ends in the pinned root.
 * @throws RECORDS_PATH_TOO_LONG, RECORDS_PATH_ROOT, RECORDS_PATH_TOO_SHORT, RECORDS_PATH_REPEATED
 */
export function anchoredPath(
  given: { chain: readonly Certificate[]; root?: Certificate | undefined },
  policy: PathPolicy,
): Path {
  const isRoot = (certificate: Certificate | undefined) =>
    certificate !== undefined && equalBytes(certificate.fingerprint, policy.rootFingerprint)
  const separate = given.root === undefined || isRoot(given.chain.at(-1)) ? [] : [given.root]
  const chain = [...given.chain, ...separate]
  const [leaf, root] = [chain[0], chain.at(-1)]
  if (chain.length > MAX_CHAIN_LENGTH) throw PATH_ERRORS.create('RECORDS_PATH_TOO_LONG')
  if (leaf === undefined || root === undefined || !isRoot(root)) throw PATH_ERRORS.create('RECORDS_PATH_ROOT')
  if (chain.length < 2) throw PATH_ERRORS.create('RECORDS_PATH_TOO_SHORT')
  // A path that is told in two ways would be kept and remembered in two ways.
  const different = new Set(chain.map(({ fingerprint }) => toHex(fingerprint)))
  if (different.size < chain.length) throw PATH_ERRORS.create('RECORDS_PATH_REPEATED')
  return { leaf, root, rootHeld: given.root !== undefined, chain }
}

/** The certificate above each one; the root stands above itself. */
export function issuerOf(path: Path, at: number): Certificate {
  return path.chain[at + 1] ?? path.root
}

/** @throws RECORDS_PATH_NAME_CHAIN, RECORDS_PATH_KEY_ID */
export function checkLinks(path: Path): void {
  for (const [at, certificate] of path.chain.entries()) {
    const issuer = issuerOf(path, at)
    if (!equalBytes(certificate.issuerName, issuer.subjectName)) throw PATH_ERRORS.create('RECORDS_PATH_NAME_CHAIN')
    if (!equalBytes(certificate.authorityKeyId, issuer.subjectKeyId)) throw PATH_ERRORS.create('RECORDS_PATH_KEY_ID')
  }
}

/** @throws RECORDS_PATH_NOT_CA, RECORDS_PATH_LENGTH, RECORDS_PATH_KEY_USAGE */
export function checkAuthorities(path: Path): void {
  for (const [at, certificate] of path.chain.entries()) {
    if (at === 0) continue
    if (certificate.basicConstraints?.ca !== true) throw PATH_ERRORS.create('RECORDS_PATH_NOT_CA')
    const { pathLength = MAX_CHAIN_LENGTH } = certificate.basicConstraints
    if (at - 1 > pathLength) throw PATH_ERRORS.create('RECORDS_PATH_LENGTH')
    if (!certificate.keyUsage?.has('keyCertSign')) throw PATH_ERRORS.create('RECORDS_PATH_KEY_USAGE')
  }
}

const REQUIRED_KEY_PURPOSES: Readonly<Record<PathPolicy['purpose'], readonly string[]>> = {
  node: [OID.clientAuth, OID.serverAuth, OID.bundleSecurity],
  operator: [OID.clientAuth],
  'ca-server': [OID.serverAuth],
}

/** What an ML-DSA key may be used for (RFC 9881 §5). */
const SIGNING_USAGES: readonly string[] = ['digitalSignature', 'nonRepudiation', 'keyCertSign', 'cRLSign']
/** What a leaf may not (X.509-SVID §4.3). */
const CA_USAGES: readonly string[] = ['keyCertSign', 'cRLSign']

/** @throws RECORDS_PATH_LEAF_IS_CA, RECORDS_PATH_KEY_USAGE, RECORDS_PATH_EXTENDED_KEY_USAGE */
export function checkUsage(path: Path, purpose: PathPolicy['purpose']): void {
  const { leaf } = path
  if (leaf.basicConstraints?.ca === true) throw PATH_ERRORS.create('RECORDS_PATH_LEAF_IS_CA')
  const signsOnly = path.chain.every(({ keyUsage = [] }) => [...keyUsage].every((use) => SIGNING_USAGES.includes(use)))
  const leafSigns = leaf.keyUsage?.has('digitalSignature') && !CA_USAGES.some((use) => leaf.keyUsage?.has(use))
  if (!signsOnly || !leafSigns) throw PATH_ERRORS.create('RECORDS_PATH_KEY_USAGE')
  // A CA with an extended key usage limits what is below it, as other implementations have it.
  for (const certificate of path.chain) {
    const allowed = certificate.extendedKeyUsage ?? (certificate === leaf ? [] : REQUIRED_KEY_PURPOSES[purpose])
    if (!REQUIRED_KEY_PURPOSES[purpose].every((oid) => allowed.includes(oid))) {
      throw PATH_ERRORS.create('RECORDS_PATH_EXTENDED_KEY_USAGE')
    }
  }
}

const ALLOWED_ROLES: Readonly<Record<PathPolicy['purpose'], readonly Role[]>> = {
  node: ['node', 'validator'],
  operator: ['operator'],
  'ca-server': ['ca'],
}

/** @throws RECORDS_PATH_ROLE unless the leaf has a role, and only such that fit the purpose */
export function checkRoles(leaf: Certificate, purpose: PathPolicy['purpose']): void {
  const fits = leaf.roles.length > 0 && leaf.roles.every((role) => ALLOWED_ROLES[purpose].includes(role))
  if (!fits) throw PATH_ERRORS.create('RECORDS_PATH_ROLE')
}

/**
 * The leaf's label (a node's node_id), from its alternative names.
 * @throws RECORDS_PATH_SUBJECT_NAME, RECORDS_PATH_NAME_CONSTRAINT
 */
export function checkNames(path: Path, policy: PathPolicy): string {
  const label = memberLabel(policy.purpose, policy.mesh, path.leaf)
  if (label === undefined) throw PATH_ERRORS.create('RECORDS_PATH_SUBJECT_NAME')
  for (const [at, authority] of path.chain.entries()) {
    for (const below of path.chain.slice(0, at)) checkConstraints(below, authority.nameConstraints)
  }
  return label
}

function checkConstraints(names: Certificate, constraints: Certificate['nameConstraints']): void {
  if (constraints === undefined) return
  const { dns, uri } = constraints
  const dnsFits = dns.length === 0 || names.dnsNames.every((name) => dns.some((base) => isWithinDns(name, base)))
  const uriFits = uri.length === 0 || names.uris.every((name) => uri.some((base) => isWithinUri(name, base)))
  if (!dnsFits || !uriFits) throw PATH_ERRORS.create('RECORDS_PATH_NAME_CONSTRAINT')
}

/** @throws RECORDS_PATH_DEVICE_KEY, RECORDS_PATH_OVERLAY_KEY, RECORDS_PATH_HALF_MISSING */
export function checkKeysPresent(path: Path, policy: PathPolicy): void {
  const { leaf } = path
  if (leaf.altSpki === undefined) throw PATH_ERRORS.create('RECORDS_PATH_DEVICE_KEY')
  if (policy.purpose === 'node' && leaf.overlayKey === undefined) throw PATH_ERRORS.create('RECORDS_PATH_OVERLAY_KEY')
  if (policy.signaturePolicy === 'quantum-only') return
  for (const [at, certificate] of path.chain.entries()) {
    const missing = certificate.altSignature === undefined || issuerOf(path, at).altSpki === undefined
    if (missing) throw PATH_ERRORS.create('RECORDS_PATH_HALF_MISSING')
  }
}

/**
 * Looks up every certificate below the root; the root itself is pinned.
 * @throws RECORDS_PATH_REVOKED for key compromise at any time, else from the date of revocation on
 */
export function checkRevocations(path: Path, revocations: RevocationView, atMs: number): void {
  for (const certificate of path.chain.slice(0, -1)) {
    const revocation = revocations.find(certificate)
    if (revocation === undefined || !counts(revocation, atMs)) continue
    throw PATH_ERRORS.create('RECORDS_PATH_REVOKED', { metadata: { ...revocation } })
  }
}

function counts(revocation: Revocation, atMs: number): boolean {
  return revocation.keyCompromise || atMs >= revocation.revokedAtMs
}

/** @throws RECORDS_PATH_NOT_YET_VALID, RECORDS_PATH_EXPIRED */
export function checkValidity(path: Path, policy: PathPolicy, atMs: number): void {
  const { maxClockSkewMs = DEFAULT_CLOCK_SKEW_MS } = policy
  for (const { notBeforeMs, notAfterMs } of path.chain) {
    const metadata = { notBeforeMs, notAfterMs, atMs }
    if (atMs + maxClockSkewMs < notBeforeMs) throw PATH_ERRORS.create('RECORDS_PATH_NOT_YET_VALID', { metadata })
    if (atMs > notAfterMs) throw PATH_ERRORS.create('RECORDS_PATH_EXPIRED', { metadata })
  }
}
