import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { checkOptionKeys, checkWholeNumber, isDnsLabel, toHex } from '../../core/index.ts'
import { type Database, openDatabase } from '../../core/store/index.ts'
import { CRYPTO_ERRORS, type SignaturePolicy, wipe } from '../../crypto/index.ts'
import { createKeystore, type Keystore, type KeystoreUnlock, openKeystore } from '../../crypto/store/index.ts'
import { isAddressList } from '../addresses.ts'
import { auditEntry, LOCAL_ACTOR } from '../audit.ts'
import { type Authority, issueRoot } from '../certificates.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { IDENTITY_SUITES, type MeshSuite } from '../keys/index.ts'
import { DEFAULT_ROOT_LIFETIME_MS, MAX_GOSSIP_FANOUT } from '../limits.ts'
import { Authorities } from './authorities.ts'
import { MeshCa } from './ca.ts'
import type { CaStore } from './ca-store.ts'
import type { CaDependencies } from './ca-types.ts'
import { settingsOf } from './facts.ts'
import { type CaSettings, encodeSettings } from './formats.ts'
import { CA_KEYS, ensureSigningKey } from './keys.ts'
import { openCaStore } from './level-ca-store.ts'
import { makePseudonym } from './pseudonyms.ts'

export interface CaHomeOptions {
  /** The CA's own directory: `keystore/` with its keys, `db/` with everything else. */
  home: string
  /** How the keystore is unlocked. */
  unlock: KeystoreUnlock
}

export interface InitCaOptions extends CaHomeOptions {
  /** Name of the mesh, a DNS label. */
  mesh: string
  /** Of the root's main key and every node's identity key, for as long as the mesh lives. Default `level5`. */
  suite?: MeshSuite | undefined
  /** Default `hybrid`. */
  signaturePolicy?: SignaturePolicy | undefined
  /** 1 to 64. Default 6. */
  gossipFanout?: number | undefined
  /** Multiaddresses that every node is told. Default none; those of enrolled nodes are added to answers. */
  bootstrapPeers?: readonly string[] | undefined
  /** Lifetime of the root. Default ten years. */
  rootLifetimeMs?: number | undefined
}

const DEFAULT_GOSSIP_FANOUT = 6

/**
 * Makes the CA of a new mesh and opens it. What an interrupted attempt left is completed.
 * @throws ENROLLMENT_CA_EXISTS (a broken-off attempt with another suite included), CRYPTO_KEYSTORE_*, CORE_STORE_OPEN
 * @throws {TypeError} for options out of bounds
 */
export async function initCa(options: InitCaOptions, dependencies: CaDependencies): Promise<MeshCa> {
  const settings = checkInitOptions(options)
  const database = await openDatabase(join(options.home, 'db'))
  return closingOnFailure(database, async () => {
    const store = await openCaStore(database)
    if ((await store.fact('settings')) !== undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_EXISTS')
    const keystore = await createOrOpenKeystore(options, dependencies)
    const { certificate } = await makeAuthority(options, keystore, dependencies)
    const atMs = dependencies.clock.now()
    await store.commit(
      [
        { kind: 'fact', name: 'root', value: certificate.der },
        { kind: 'fact', name: 'settings', value: encodeSettings(settings) },
      ],
      [auditEntry({ atMs, event: 'ca-made', actor: LOCAL_ACTOR, detail: toHex(certificate.fingerprint) })],
    )
    return assemble({ store, keystore }, dependencies)
  })
}

/**
 * Opens the CA in a directory. One process at a time.
 * @throws ENROLLMENT_CA_MISSING, ENROLLMENT_CA_DAMAGED, CRYPTO_KEYSTORE_*, CORE_STORE_*
 */
export async function openCa(options: CaHomeOptions, dependencies: CaDependencies): Promise<MeshCa> {
  checkOptionKeys('openCa', options, ['home', 'unlock'])
  const keystore = await openExistingKeystore(options, dependencies)
  const database = await openDatabase(join(options.home, 'db'))
  return closingOnFailure(database, async () => {
    return assemble({ store: await openCaStore(database), keystore }, dependencies)
  })
}

/** The CA that a store and a keystore make. @throws ENROLLMENT_CA_MISSING, ENROLLMENT_CA_DAMAGED, CRYPTO_KEYSTORE_* */
export async function assemble(
  { store, keystore }: { store: CaStore; keystore: Keystore },
  dependencies: CaDependencies,
): Promise<MeshCa> {
  const { mesh } = await settingsOf(store)
  const authorities = await Authorities.load(store, keystore)
  return new MeshCa({ mesh, store, keystore, authorities }, dependencies)
}

function checkInitOptions(options: InitCaOptions): CaSettings {
  checkOptionKeys('initCa', options, [
    'home',
    'unlock',
    'mesh',
    'suite',
    'signaturePolicy',
    'gossipFanout',
    'bootstrapPeers',
    'rootLifetimeMs',
  ])
  const { mesh, signaturePolicy = 'hybrid', gossipFanout = DEFAULT_GOSSIP_FANOUT, bootstrapPeers = [] } = options
  if (!isDnsLabel(mesh)) throw new TypeError('the name of a mesh is a DNS label')
  if (!Object.hasOwn(IDENTITY_SUITES, options.suite ?? 'level5')) throw new TypeError('suite must be level5 or level3')
  checkWholeNumber('gossipFanout', gossipFanout, { min: 1, max: MAX_GOSSIP_FANOUT })
  checkWholeNumber('rootLifetimeMs', options.rootLifetimeMs ?? DEFAULT_ROOT_LIFETIME_MS, {
    min: 1,
    max: 3 * DEFAULT_ROOT_LIFETIME_MS,
  })
  if (!isAddressList(bootstrapPeers)) throw new TypeError('bootstrapPeers are multiaddresses')
  return { mesh, signaturePolicy, gossipFanout, bootstrapPeers, pseudonymEpoch: 1 }
}

async function makeAuthority(
  options: InitCaOptions,
  keystore: Keystore,
  dependencies: CaDependencies,
): Promise<Authority> {
  const suite = IDENTITY_SUITES[options.suite ?? 'level5']
  const main = await ensureSigningKey(keystore, CA_KEYS.main, suite)
  // Of an attempt that broke off; completing it would make another mesh than the one asked for.
  if (main.publicKey.suite.name !== suite) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_EXISTS')
  const alternative = await ensureSigningKey(keystore, CA_KEYS.alternative, 'ecdsa-p384')
  wipe(await makePseudonym(keystore, 1, dependencies.random))
  const { mesh, rootLifetimeMs: lifetimeMs } = options
  return issueRoot({ mesh, lifetimeMs, nowMs: dependencies.clock.now(), keys: { main, alternative } }, dependencies)
}

/** The keystore in the home of a CA, made if there is none. */
export async function createOrOpenKeystore(options: CaHomeOptions, dependencies: CaDependencies): Promise<Keystore> {
  const at = { directory: join(options.home, 'keystore'), unlock: options.unlock }
  try {
    return await createKeystore(at, dependencies)
  } catch (error) {
    if (CRYPTO_ERRORS.matches(error, 'CRYPTO_KEYSTORE_EXISTS')) return openKeystore(at, dependencies)
    throw error
  }
}

/** @throws ENROLLMENT_CA_MISSING, CRYPTO_KEYSTORE_* */
export async function openExistingKeystore(options: CaHomeOptions, dependencies: CaDependencies): Promise<Keystore> {
  try {
    return await openKeystore({ directory: join(options.home, 'keystore'), unlock: options.unlock }, dependencies)
  } catch (error) {
    // The keystore itself may be missing, or the key file that opens it.
    const missing = CRYPTO_ERRORS.matches(error, 'CRYPTO_KEYSTORE_MISSING')
    if (missing && !existsSync(join(options.home, 'keystore', 'keystore.cbor'))) {
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_MISSING', { cause: error })
    }
    throw error
  }
}

/** What `open` gives; the database is closed when it fails. */
export async function closingOnFailure<T>(database: Database, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    await database.close()
    throw error
  }
}
