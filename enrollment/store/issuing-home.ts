import { join } from 'node:path'
import { checkOptionKeys, equalBytes, toHex } from '../../core/index.ts'
import { openDatabase } from '../../core/store/index.ts'
import { wipe } from '../../crypto/index.ts'
import type { Keystore } from '../../crypto/store/index.ts'
import { type Certificate, verifyIssued } from '../../records/path/index.ts'
import { auditEntry, LOCAL_ACTOR } from '../audit.ts'
import { buildMemberCsr } from '../csr.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { IDENTITY_SUITES, type MeshSuite } from '../keys/index.ts'
import type { MeshCa } from './ca.ts'
import {
  assemble,
  type CaHomeOptions,
  closingOnFailure,
  createOrOpenKeystore,
  openExistingKeystore,
} from './ca-home.ts'
import type { CaChange, CaStore } from './ca-store.ts'
import type { CaDependencies } from './ca-types.ts'
import { encodeAuthorities } from './fact-formats.ts'
import { encodeSettings } from './formats.ts'
import { decodeIssuingAnswer, isLinked } from './issuing-answer.ts'
import { CA_KEYS, ensureSigningKey } from './keys.ts'
import { openCaStore } from './level-ca-store.ts'
import { makePseudonym } from './pseudonyms.ts'

export interface InitIssuingCaOptions extends CaHomeOptions {
  /** That of the mesh. Default `level5`. */
  suite?: MeshSuite | undefined
}

export interface InstallIssuingCaOptions extends CaHomeOptions {
  /** Of the mesh's root, as its own home shows it: 32 bytes. */
  rootFingerprint: Uint8Array
  /** What `signIssuingCa` gave. */
  answer: Uint8Array
}

/**
 * Makes the keys of an issuing CA, or finds those that are there.
 * @returns the request that the home of the root signs
 * @throws ENROLLMENT_CA_EXISTS when the keys are of another suite; CRYPTO_KEYSTORE_*
 */
export async function initIssuingCa(options: InitIssuingCaOptions, dependencies: CaDependencies): Promise<Uint8Array> {
  checkOptionKeys('initIssuingCa', options, ['home', 'unlock', 'suite'])
  const suite = IDENTITY_SUITES[options.suite ?? 'level5']
  if (suite === undefined) throw new TypeError('suite must be level5 or level3')
  const keystore = await createOrOpenKeystore(options, dependencies)
  try {
    const identityKey = await ensureSigningKey(keystore, CA_KEYS.issuingMain, suite)
    if (identityKey.publicKey.suite.name !== suite) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_EXISTS')
    const deviceKey = await ensureSigningKey(keystore, CA_KEYS.issuingAlternative, 'ecdsa-p384')
    return await buildMemberCsr({ identityKey, deviceKey })
  } finally {
    keystore.close()
  }
}

/**
 * Puts the certificate of an issuing CA into its home and opens it: from then on `openCa` does. A later answer for the same
 * keys takes the place of the one before.
 * @throws ENROLLMENT_ISSUING_ANSWER, ENROLLMENT_CA_MISSING, CRYPTO_KEYSTORE_*, CORE_STORE_*
 */
export async function installIssuingCa(
  options: InstallIssuingCaOptions,
  dependencies: CaDependencies,
): Promise<MeshCa> {
  checkOptionKeys('installIssuingCa', options, ['home', 'unlock', 'rootFingerprint', 'answer'])
  const keystore = await openExistingKeystore(options, dependencies)
  const answer = decodeIssuingAnswer(options.answer)
  await checkChain(answer.certificates, { keystore, rootFingerprint: options.rootFingerprint }, dependencies)
  const database = await openDatabase(join(options.home, 'db'))
  return closingOnFailure(database, async () => {
    const store = await openCaStore(database)
    const changes = await installation(store, answer)
    const { pseudonymEpoch } = answer.settings
    wipe(await makePseudonym(keystore, pseudonymEpoch, dependencies.random))
    const entry = auditEntry({
      atMs: dependencies.clock.now(),
      event: 'ca-made',
      actor: LOCAL_ACTOR,
      detail: `issuing CA under ${toHex(options.rootFingerprint)}`,
    })
    await store.commit(changes, [entry])
    return assemble({ store, keystore }, dependencies)
  })
}

/** What is there of an earlier installation stays: its settings have gone on since. */
async function installation(
  store: CaStore,
  { chain, settings }: ReturnType<typeof decodeIssuingAnswer>,
): Promise<CaChange[]> {
  const record = { kind: 'issuing', main: CA_KEYS.issuingMain, alternative: CA_KEYS.issuingAlternative, chain } as const
  const authorities = encodeAuthorities({ active: 0, authorities: [record] })
  const changes: CaChange[] = [{ kind: 'fact', name: 'authorities', value: authorities }]
  if ((await store.fact('root')) !== undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_EXISTS')
  if ((await store.fact('settings')) !== undefined) return changes
  return [...changes, { kind: 'fact', name: 'settings', value: encodeSettings(settings) }]
}

/** @throws ENROLLMENT_ISSUING_ANSWER unless the chain is over this home's keys and holds up to the pinned root */
async function checkChain(
  chain: readonly Certificate[],
  { keystore, rootFingerprint }: { keystore: Keystore; rootFingerprint: Uint8Array },
  { provider }: Pick<CaDependencies, 'provider'>,
): Promise<void> {
  const wrong = (detail: string, cause?: unknown) =>
    ENROLLMENT_ERRORS.create('ENROLLMENT_ISSUING_ANSWER', { detail, cause })
  const main = await keystore.signingKey(CA_KEYS.issuingMain)
  const alternative = await keystore.signingKey(CA_KEYS.issuingAlternative)
  const [own, root] = [chain[0], chain.at(-1)]
  if (root === undefined || !equalBytes(root.fingerprint, rootFingerprint)) throw wrong('root')
  const mine =
    own !== undefined &&
    equalBytes(own.spki, main?.publicKey.spki ?? new Uint8Array()) &&
    equalBytes(own.altSpki ?? new Uint8Array(), alternative?.publicKey.spki ?? new Uint8Array())
  if (!mine) throw wrong('keys')
  if (!isLinked(chain)) throw wrong('chain')
  for (const [at, certificate] of chain.entries()) {
    await verifyIssued(certificate, chain[at + 1] ?? root, provider).catch((cause) => {
      throw wrong('signature', cause)
    })
  }
}
