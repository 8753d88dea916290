import { withSecret } from '../../crypto/index.ts'
import { issueServerCertificate } from '../certificates.ts'
import { SERVER_LIFETIME_MS } from '../limits.ts'
import { encodePem } from '../pem.ts'
import { CA_LABEL } from '../redemption.ts'
import type { CaParts } from './ca-parts.ts'
import type { ServerIdentity } from './ca-types.ts'
import { CA_KEYS, ensureSigningKey } from './keys.ts'

/** A fresh certificate for a CA's HTTPS endpoint, with its key; the chain ends in the mesh's root. */
export async function issueServerIdentity({
  mesh,
  keystore,
  authorities,
  dependencies,
}: CaParts): Promise<ServerIdentity> {
  const identityKey = await ensureSigningKey(keystore, CA_KEYS.serverIdentity, authorities.suite)
  const deviceKey = await ensureSigningKey(keystore, CA_KEYS.serverDevice, 'ed25519')
  const keys = { spki: identityKey.publicKey.spki, altSpki: deviceKey.publicKey.spki }
  const nowMs = dependencies.clock.now()
  const times = { nowMs, lifetimeMs: SERVER_LIFETIME_MS }
  const issuer = authorities.active
  const certificate = await issueServerCertificate({ mesh, label: CA_LABEL, keys, issuer, ...times }, dependencies)
  return {
    certificateChain: authorities
      .chainOf(certificate)
      .map((der) => encodePem('CERTIFICATE', der))
      .join(''),
    privateKey: withSecret(identityKey.exportPrivate(), (pkcs8) => encodePem('PRIVATE KEY', pkcs8)),
  }
}
