import { equalBytes } from '../../core/index.ts'
import type { SoftwareSigningKey, SuiteName } from '../../crypto/index.ts'
import type { Keystore, KeystoreEntry } from '../../crypto/store/index.ts'
import { NODE_KEYS } from '../../enrollment/keys/index.ts'
import type { Certificate } from '../../records/path/index.ts'

/**
 * Identity keys of a node by name: `identity`, `identity-2`, `identity-3` and so on. Which one is in use, the certificate
 * says: its subject key. One above it that is younger than the certificate was made for the next certificate and is used for
 * it, so that a CA that has issued that one already knows the key again.
 */
export interface NamedKey {
  readonly name: string
  readonly key: SoftwareSigningKey
}

/** The identity key of a certificate; undefined when the keystore does not hold it. */
export async function identityKeyOf(keystore: Keystore, certificate: Certificate): Promise<NamedKey | undefined> {
  const entries = await identityEntries(keystore)
  const entry = entries.find(({ keyId }) => keyId !== undefined && equalBytes(keyId, certificate.subjectKeyId))
  return entry === undefined ? undefined : named(keystore, entry.name)
}

/** The key for the certificate after `certificate`, whose own key is `current`: one that was made before, else a new one. */
export async function nextIdentityKey(
  keystore: Keystore,
  current: { readonly keyName: string; readonly certificate: Certificate },
): Promise<NamedKey> {
  const entries = await identityEntries(keystore)
  const newest = entries.at(-1)?.name ?? NODE_KEYS.identity
  const made = entries.findLast(
    ({ name, createdAtMs }) =>
      numberOf(name) > numberOf(current.keyName) && createdAtMs >= current.certificate.notBeforeMs,
  )
  if (made !== undefined) return named(keystore, made.name)
  const name = `${NODE_KEYS.identity}-${numberOf(newest) + 1}`
  return { name, key: await keystore.generate(name, await suiteOf(keystore, current.keyName)) }
}

/** Removes every identity key but those of `names`. */
export async function dropIdentityKeys(keystore: Keystore, names: readonly string[]): Promise<void> {
  const unwanted = (await identityEntries(keystore)).filter(({ name }) => !names.includes(name))
  for (const { name } of unwanted) await keystore.remove(name)
}

/** In order of their numbers. */
async function identityEntries(keystore: Keystore): Promise<KeystoreEntry[]> {
  const entries = await keystore.list()
  return entries.filter(({ name }) => numberOf(name) > 0).sort((a, b) => numberOf(a.name) - numberOf(b.name))
}

async function named(keystore: Keystore, name: string): Promise<NamedKey> {
  const key = await keystore.signingKey(name)
  if (key === undefined) throw new TypeError(`the key ${name} was listed and is gone`)
  return { name, key }
}

async function suiteOf(keystore: Keystore, name: string): Promise<SuiteName> {
  return (await named(keystore, name)).key.publicKey.suite.name
}

/** 1 for `identity`, n for `identity-n`, 0 for any other name. */
function numberOf(name: string): number {
  if (name === NODE_KEYS.identity) return 1
  const digits = /^identity-([1-9][0-9]{0,8})$/.exec(name)?.[1]
  return digits === undefined ? 0 : Number(digits)
}
