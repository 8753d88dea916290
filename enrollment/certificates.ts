import type { RandomSource } from '../core/index.ts'
import { type PublicKey, sha256 } from '../crypto/index.ts'
import {
  type Certificate,
  memberNames,
  OID,
  type PathPolicy,
  parseCertificate,
  type Role,
} from '../records/path/index.ts'
import {
  type AuthorityKeys,
  type CertificateContent,
  encodeName,
  randomSerialNumber,
  writeCertificate,
} from './certificate-writer.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  meshConstraints,
  overlaySignedKey,
  rolesExtension,
  subjectAltName,
  subjectAltPublicKey,
  subjectKeyIdentifier,
} from './extensions.ts'
import { BACKDATE_MS, DEFAULT_LEAF_LIFETIME_MS, DEFAULT_ROOT_LIFETIME_MS } from './limits.ts'

/** A CA that can sign: its certificate and both its keys. */
export interface Authority {
  readonly certificate: Certificate
  readonly keys: AuthorityKeys
}

/** The public side of {@link AuthorityKeys}: a CA is certified without its private keys. */
export interface CertifiedKeys {
  readonly main: { readonly publicKey: Pick<PublicKey, 'spki'> }
  readonly alternative: { readonly publicKey: Pick<PublicKey, 'spki'> } | undefined
}

/** When a certificate is issued and how long it lives; notBefore lies {@link BACKDATE_MS} before `nowMs`. */
export interface IssueTimes {
  readonly nowMs: number
  readonly lifetimeMs?: number | undefined
}

/** Keys of a member, all proven by its request. */
export interface MemberKeys {
  /** Subject key (ML-DSA), SPKI DER. */
  readonly spki: Uint8Array
  /** Device key, SPKI DER. */
  readonly altSpki: Uint8Array
  readonly overlayKey: NonNullable<Certificate['overlayKey']>
}

interface Dependencies {
  readonly random: RandomSource
}

/** Certificates that may stand between a root and a leaf: an issuing CA under a new root under this one. */
const ROOT_PATH_LENGTH = 2

/** A self-signed root of `mesh` over both keys. Default lifetime ten years. */
export async function issueRoot(
  options: IssueTimes & { mesh: string; keys: AuthorityKeys },
  dependencies: Dependencies,
): Promise<Authority> {
  const { mesh, keys } = options
  const name = encodeName(mesh, 'mesh root')
  const names = { issuerName: name, subjectName: name }
  return issueAuthority({ ...options, ...names, issuer: keys, pathLength: ROOT_PATH_LENGTH }, dependencies)
}

/**
 * A new root's keys, certified by the root that the mesh is known by (RFC 4210 §4.4): paths still end in that one.
 * @param options generation: 2 for the first successor. Default lifetime ten years, never beyond the old root's.
 */
export async function issueCrossRoot(
  options: IssueTimes & { mesh: string; keys: AuthorityKeys; issuer: Authority; generation: number },
  dependencies: Dependencies,
): Promise<Authority> {
  const { mesh, issuer, generation } = options
  const { subjectName: issuerName, notAfterMs: ceilingMs, basicConstraints } = issuer.certificate
  const subjectName = encodeName(mesh, `mesh root ${generation}`)
  const pathLength = Math.max(0, (basicConstraints?.pathLength ?? ROOT_PATH_LENGTH) - 1)
  return issueAuthority(
    { ...options, issuerName, subjectName, issuer: issuer.keys, pathLength, ceilingMs },
    dependencies,
  )
}

/** An issuing CA under `issuer`; it may issue leaves only. Default lifetime ten years, never beyond the issuer's. */
export async function issueIssuingCa<Keys extends CertifiedKeys>(
  options: IssueTimes & { mesh: string; keys: Keys; issuer: Authority },
  dependencies: Dependencies,
): Promise<{ certificate: Certificate; keys: Keys }> {
  const { mesh, issuer } = options
  const names = { issuerName: issuer.certificate.subjectName, subjectName: encodeName(mesh, 'issuing CA') }
  return issueAuthority(
    { ...options, ...names, issuer: issuer.keys, pathLength: 0, ceilingMs: issuer.certificate.notAfterMs },
    dependencies,
  )
}

async function issueAuthority<Keys extends CertifiedKeys>(
  options: IssueTimes &
    Pick<CertificateContent, 'issuerName' | 'subjectName'> & {
      mesh: string
      keys: Keys
      issuer: AuthorityKeys
      pathLength: number
      ceilingMs?: number
    },
  { random }: Dependencies,
): Promise<{ certificate: Certificate; keys: Keys }> {
  const { spki } = options.keys.main.publicKey
  const altSpki = options.keys.alternative?.publicKey.spki
  const der = await writeCertificate(
    {
      ...options,
      serialNumber: randomSerialNumber(random),
      ...validity(options, DEFAULT_ROOT_LIFETIME_MS, options.ceilingMs),
      spki,
      extensions: [
        basicConstraints({ ca: true, pathLength: options.pathLength }),
        keyUsage('keyCertSign', 'cRLSign', 'digitalSignature'),
        subjectKeyIdentifier(sha256(spki)),
        authorityKeyIdentifier(sha256(options.issuer.main.publicKey.spki)),
        meshConstraints(options.mesh),
        ...(altSpki === undefined ? [] : [subjectAltPublicKey(altSpki)]),
      ],
    },
    options.issuer,
  )
  return { certificate: parseCertificate(der), keys: options.keys }
}

/** What a node's certificate is made of. Its names and roles are the CA's decision. */
export interface NodeCertificateOptions extends IssueTimes {
  readonly mesh: string
  readonly nodeId: string
  readonly roles: readonly Role[]
  readonly keys: MemberKeys
  readonly issuer: Authority
}

/** A node's certificate. Default lifetime seven days, never beyond the issuer's. */
export async function issueNodeCertificate(
  options: NodeCertificateOptions,
  dependencies: Dependencies,
): Promise<Certificate> {
  const content = nodeCertificateContent(options, dependencies)
  return parseCertificate(await writeCertificate(content, options.issuer.keys))
}

/** What {@link issueNodeCertificate} signs. */
export function nodeCertificateContent(
  options: NodeCertificateOptions,
  dependencies: Dependencies,
): CertificateContent {
  const profile = {
    label: options.nodeId,
    purpose: 'node',
    keyPurposes: [OID.serverAuth, OID.clientAuth, OID.bundleSecurity],
    additional: [overlaySignedKey(options.keys.overlayKey)],
  } as const
  return leafContent({ ...options, ...profile }, dependencies)
}

/** An operator's certificate. Default lifetime seven days, never beyond the issuer's. */
export async function issueOperatorCertificate(
  options: IssueTimes & { mesh: string; name: string; keys: Omit<MemberKeys, 'overlayKey'>; issuer: Authority },
  dependencies: Dependencies,
): Promise<Certificate> {
  const profile = {
    label: options.name,
    roles: ['operator'],
    purpose: 'operator',
    keyPurposes: [OID.clientAuth],
    additional: [],
  } as const
  const content = leafContent({ ...options, ...profile }, dependencies)
  return parseCertificate(await writeCertificate(content, options.issuer.keys))
}

/** The certificate of a CA's HTTPS endpoint. Default lifetime seven days, never beyond the issuer's. */
export async function issueServerCertificate(
  options: IssueTimes & { mesh: string; label: string; keys: Omit<MemberKeys, 'overlayKey'>; issuer: Authority },
  dependencies: Dependencies,
): Promise<Certificate> {
  const profile = { roles: ['ca'], purpose: 'ca-server', keyPurposes: [OID.serverAuth], additional: [] } as const
  const content = leafContent({ ...options, ...profile }, dependencies)
  return parseCertificate(await writeCertificate(content, options.issuer.keys))
}

interface LeafOptions extends IssueTimes {
  readonly mesh: string
  readonly label: string
  readonly purpose: PathPolicy['purpose']
  readonly roles: readonly Role[]
  readonly keys: Omit<MemberKeys, 'overlayKey'>
  readonly keyPurposes: readonly string[]
  readonly additional: readonly Extension[]
  readonly issuer: Authority
}

function leafContent(options: LeafOptions, { random }: Dependencies): CertificateContent {
  const { mesh, label, keys, issuer } = options
  const { uri, dnsName, bundleEndpoint } = memberNames(options.purpose, mesh, label)
  return {
    serialNumber: randomSerialNumber(random),
    issuerName: issuer.certificate.subjectName,
    subjectName: encodeName(mesh, label),
    ...validity(options, DEFAULT_LEAF_LIFETIME_MS, issuer.certificate.notAfterMs),
    spki: keys.spki,
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage('digitalSignature'),
      extendedKeyUsage(...options.keyPurposes),
      subjectAltName({
        uris: [uri],
        dnsNames: [dnsName],
        bundleEndpoints: bundleEndpoint === undefined ? [] : [bundleEndpoint],
      }),
      subjectKeyIdentifier(sha256(keys.spki)),
      authorityKeyIdentifier(issuer.certificate.subjectKeyId),
      rolesExtension(options.roles),
      ...options.additional,
      subjectAltPublicKey(keys.altSpki),
    ],
  }
}

/** Whole seconds, as certificates have them. */
function validity(
  times: IssueTimes,
  defaultLifetimeMs: number,
  ceilingMs = Number.POSITIVE_INFINITY,
): Pick<CertificateContent, 'notBeforeMs' | 'notAfterMs'> {
  const seconds = (timeMs: number) => Math.floor(timeMs / 1000) * 1000
  const wishedMs = seconds(times.nowMs + (times.lifetimeMs ?? defaultLifetimeMs))
  return { notBeforeMs: seconds(times.nowMs - BACKDATE_MS), notAfterMs: Math.min(wishedMs, ceilingMs) }
}
