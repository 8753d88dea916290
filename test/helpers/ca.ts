/** A mesh CA on a real disk, and the keys of nodes that enrol there. */
import type { Test } from 'tap'
import {
  type Clock,
  type Logger,
  type RandomSource,
  silentLogger,
  systemClock,
  systemRandom,
} from '../../core/index.ts'
import { createNativeProvider, type SignatureProvider } from '../../crypto/index.ts'
import { createKeystore, type Keystore, unlockByPassphrase } from '../../crypto/store/index.ts'
import { buildCsr, type RequestKeys } from '../../enrollment/index.ts'
import { type InitCaOptions, initCa, type MeshCa } from '../../enrollment/store/index.ts'

export interface TestDependencies {
  provider: SignatureProvider
  clock: Clock
  random: RandomSource
  logger: Logger
}

export function testDependencies(changes: Partial<TestDependencies> = {}): TestDependencies {
  return {
    provider: createNativeProvider(),
    clock: systemClock(),
    random: systemRandom(),
    logger: silentLogger(),
    ...changes,
  }
}

/** A cheap passphrase: the cost of scrypt is not what these tests are about. */
export function testUnlock() {
  return unlockByPassphrase({ passphrase: 'correct horse', cost: { log2N: 10, r: 8, p: 1 } })
}

/** The CA of mesh `north-grid` in `home`, closed when the test ends. */
export async function makeTestCa(
  t: Test,
  options: Partial<InitCaOptions> = {},
  dependencies: TestDependencies = testDependencies(),
): Promise<{ ca: MeshCa; home: string; dependencies: TestDependencies }> {
  const home = options.home ?? t.testdir()
  const ca = await initCa({ mesh: 'north-grid', ...options, home, unlock: testUnlock() }, dependencies)
  t.teardown(() => ca.close())
  return { ca, home, dependencies }
}

export async function makeRequestKeys(provider: SignatureProvider): Promise<RequestKeys> {
  return {
    identityKey: await provider.generate('ml-dsa-87'),
    deviceKey: await provider.generate('ed25519'),
    overlayKey: await provider.generate('ed25519'),
  }
}

/** A request over fresh keys. */
export async function makeCsr(provider: SignatureProvider): Promise<{ keys: RequestKeys; csr: Uint8Array }> {
  const keys = await makeRequestKeys(provider)
  return { keys, csr: await buildCsr(keys) }
}

/** An empty keystore for a node. */
export function makeNodeKeystore(directory: string, dependencies: TestDependencies): Promise<Keystore> {
  return createKeystore({ directory, unlock: testUnlock() }, dependencies)
}
