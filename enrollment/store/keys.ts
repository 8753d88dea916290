import { type SoftwareSigningKey, type SuiteName, wipe, withSecret } from '../../crypto/index.ts'
import type { Keystore } from '../../crypto/store/index.ts'

/** Names of the CA's keys in its keystore. */
export const CA_KEYS = {
  main: 'root-main',
  alternative: 'root-alternative',
  serverIdentity: 'server-identity',
  serverDevice: 'server-device',
  issuingMain: 'issuing-main',
  issuingAlternative: 'issuing-alternative',
} as const

/** Names of the keys of the root that is the `generation`th of its mesh. */
export function rootKeys(generation: number): { main: string; alternative: string } {
  return { main: `${CA_KEYS.main}-${generation}`, alternative: `${CA_KEYS.alternative}-${generation}` }
}

/** The signing key of that name, made now if there is none. */
export async function ensureSigningKey(
  keystore: Keystore,
  name: string,
  suite: SuiteName,
): Promise<SoftwareSigningKey> {
  return (await keystore.signingKey(name)) ?? keystore.generate(name, suite)
}

/** Puts what `make` gives under that name if there is nothing yet, and wipes it here. */
export async function ensureSecret(keystore: Keystore, name: string, make: () => Uint8Array): Promise<void> {
  const known = await keystore.secret(name)
  if (known === undefined) await withSecret(make(), (secret) => keystore.putSecret(name, secret))
  else wipe(known)
}
