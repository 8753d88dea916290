import { join } from 'node:path'
import { checkOptionKeys, checkWholeNumber, isDnsLabel } from '../../core/index.ts'
import { type Database, openDatabase } from '../../core/store/index.ts'
import { CRYPTO_ERRORS, type SignaturePolicy } from '../../crypto/index.ts'
import { createKeystore, type Keystore, type KeystoreUnlock, openKeystore } from '../../crypto/store/index.ts'
import { parseCertificate } from '../../records/path/index.ts'
import { isAddressList } from '../addresses.ts'
import { type Authority, issueRoot } from '../certificates.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { DEFAULT_ROOT_LIFETIME_MS, MAX_GOSSIP_FANOUT } from '../limits.ts'
import { type CaDependencies, MeshCa } from './ca.ts'
import { CaState } from './ca-state.ts'
import type { CaSettings } from './formats.ts'
import { CA_KEYS, ensureSecret, ensureSigningKey, pseudonymKeyName } from './keys.ts'

export interface CaHomeOptions {
  /** The CA's own directory: `keystore/` with its keys, `db/` with everything else. */
  home: string
  /** How the keystore is unlocked. */
  unlock: KeystoreUnlock
}

export interface InitCaOptions extends CaHomeOptions {
  /** Name of the mesh, a DNS label. */
  mesh: string
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
const PSEUDONYM_KEY_BYTES = 32

/**
 * Makes the CA of a new mesh and opens it. What an interrupted attempt left is completed.
 * @throws ENROLLMENT_CA_EXISTS, CRYPTO_KEYSTORE_*, CORE_STORE_OPEN
 * @throws {TypeError} for options out of bounds
 */
export async function initCa(options: InitCaOptions, dependencies: CaDependencies): Promise<MeshCa> {
  const settings = checkInitOptions(options)
  const database = await openDatabase(join(options.home, 'db'))
  return closingOnFailure(database, async () => {
    const state = await CaState.load(database)
    if ((await state.root()) !== undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_EXISTS')
    const keystore = await createOrOpenKeystore(options, dependencies)
    const authority = await makeAuthority(options, keystore, dependencies)
    await state.commit(state.putFoundation(authority.certificate.der, settings))
    return new MeshCa({ settings, authority, state, keystore }, dependencies)
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
    const state = await CaState.load(database)
    const [root, settings] = [await state.root(), await state.settings()]
    if (root === undefined || settings === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_MISSING')
    const main = await keystore.signingKey(CA_KEYS.main)
    const alternative = await keystore.signingKey(CA_KEYS.alternative)
    if (main === undefined || alternative === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED')
    const authority = { certificate: parseCertificate(root), keys: { main, alternative } }
    return new MeshCa({ settings, authority, state, keystore }, dependencies)
  })
}

function checkInitOptions(options: InitCaOptions): CaSettings {
  checkOptionKeys('initCa', options, [
    'home',
    'unlock',
    'mesh',
    'signaturePolicy',
    'gossipFanout',
    'bootstrapPeers',
    'rootLifetimeMs',
  ])
  const { mesh, signaturePolicy = 'hybrid', gossipFanout = DEFAULT_GOSSIP_FANOUT, bootstrapPeers = [] } = options
  if (!isDnsLabel(mesh)) throw new TypeError('the name of a mesh is a DNS label')
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
  const main = await ensureSigningKey(keystore, CA_KEYS.main, 'ml-dsa-87')
  const alternative = await ensureSigningKey(keystore, CA_KEYS.alternative, 'ecdsa-p384')
  await ensureSecret(keystore, pseudonymKeyName(1), () => dependencies.random.bytes(PSEUDONYM_KEY_BYTES))
  const { mesh, rootLifetimeMs: lifetimeMs } = options
  return issueRoot({ mesh, lifetimeMs, nowMs: dependencies.clock.now(), keys: { main, alternative } }, dependencies)
}

async function createOrOpenKeystore(options: CaHomeOptions, dependencies: CaDependencies): Promise<Keystore> {
  const at = { directory: join(options.home, 'keystore'), unlock: options.unlock }
  try {
    return await createKeystore(at, dependencies)
  } catch (error) {
    if (CRYPTO_ERRORS.matches(error, 'CRYPTO_KEYSTORE_EXISTS')) return openKeystore(at, dependencies)
    throw error
  }
}

async function openExistingKeystore(options: CaHomeOptions, dependencies: CaDependencies): Promise<Keystore> {
  try {
    return await openKeystore({ directory: join(options.home, 'keystore'), unlock: options.unlock }, dependencies)
  } catch (error) {
    if (CRYPTO_ERRORS.matches(error, 'CRYPTO_KEYSTORE_MISSING')) {
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_MISSING', { cause: error })
    }
    throw error
  }
}

async function closingOnFailure<T>(database: Database, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    await database.close()
    throw error
  }
}
