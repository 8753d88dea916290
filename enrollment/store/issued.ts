import { ENROLLMENT_ERRORS } from '../errors.ts'
import type { CaStore } from './ca-store.ts'
import type { CertificateState, HolderKind, IssuedSummary } from './ca-types.ts'
import type { IssuedCertificate, StoredRevocation } from './issued-format.ts'

/** Name of the lock on all that belongs to one holder. */
export function holderLock(kind: HolderKind, name: string): string {
  return `${kind}:${name}`
}

/** What is told of a certificate. */
export function summarize(
  issued: IssuedCertificate,
  revocation: StoredRevocation | undefined,
  nowMs: number,
): IssuedSummary {
  const { kind, name, serialNumber, roles, labels, issuedAtMs, notBeforeMs, notAfterMs } = issued
  return {
    kind,
    name,
    serialNumber,
    state: stateOf(notAfterMs, revocation, nowMs),
    roles,
    labels,
    issuedAtMs,
    notBeforeMs,
    notAfterMs,
    ...(revocation !== undefined && {
      revocation: { revokedAtMs: revocation.revokedAtMs, reason: revocation.reason },
    }),
  }
}

function stateOf(notAfterMs: number, revocation: unknown, nowMs: number): CertificateState {
  if (revocation !== undefined) return 'revoked'
  return nowMs > notAfterMs ? 'expired' : 'live'
}

/** Whether a revocation is of the key, not only of the certificate: all but one that another certificate followed. */
export function revokesKey({ reason }: Pick<StoredRevocation, 'reason'>): boolean {
  return reason !== 'superseded'
}

/** The revocation of a certificate by this CA: of itself, or of another one over its key. */
export async function findRevocation(
  store: Pick<CaStore, 'revocation' | 'certificatesOver'>,
  certificate: { readonly serialNumber: Uint8Array; readonly subjectKeyId: Uint8Array },
): Promise<StoredRevocation | undefined> {
  const own = await store.revocation(certificate.serialNumber)
  return own ?? findKeyRevocation(store, certificate.subjectKeyId)
}

/**
 * A key is one holder's: were it certified under two names, to revoke one of them would be to revoke the other.
 * @throws ENROLLMENT_KEY_TAKEN when it has a certificate of another name
 */
export async function checkKeyFree(
  store: Pick<CaStore, 'certificate' | 'certificatesOver'>,
  identityKeyId: Uint8Array,
  holder: { readonly kind: HolderKind; readonly name: string },
): Promise<void> {
  for (const serialNumber of await store.certificatesOver(identityKeyId)) {
    const issued = await store.certificate(serialNumber)
    const isOwn = issued === undefined || (issued.kind === holder.kind && issued.name === holder.name)
    if (!isOwn) throw ENROLLMENT_ERRORS.create('ENROLLMENT_KEY_TAKEN')
  }
}

/** The revocation of an identity key. */
export async function findKeyRevocation(
  store: Pick<CaStore, 'revocation' | 'certificatesOver'>,
  identityKeyId: Uint8Array,
): Promise<StoredRevocation | undefined> {
  for (const serialNumber of await store.certificatesOver(identityKeyId)) {
    const revocation = await store.revocation(serialNumber)
    if (revocation !== undefined && revokesKey(revocation)) return revocation
  }
  return undefined
}
