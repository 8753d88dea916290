import { existsSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { BUNDLES_ERRORS, checkBundleQueue } from '../../bundles/index.ts'
import { type GapmeshError, isGapmeshError } from '../../core/index.ts'
import { openDatabase } from '../../core/store/index.ts'
import { LEDGER_ERRORS } from '../../ledger/index.ts'
import { checkLedger } from '../../ledger/store/index.ts'
import { parseChain } from '../../records/path/index.ts'
import { openRecordStore } from '../../records/store/index.ts'
import { type Action, type CommandContext, type KeystoreOptions, table, timeText } from '../cli/index.ts'
import { type AgentConfig, loadConfig } from '../config/index.ts'
import { isServed } from '../control/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { type NodeHome, type NodeIdentity, nodeHome, readIdentity } from '../node/home.ts'
import { openNodeKeys } from '../node/keys.ts'
import { MeshTrust } from '../node/trust.ts'
import { systemDependencies } from './system.ts'
import { unlockWith } from './unlock.ts'

/** One thing that was looked at. */
interface Finding {
  readonly check: string
  readonly state: 'ok' | 'warning' | 'failed'
  readonly detail: string
}

const DAY_MS = 86_400_000

/** Most damaged places that are named. */
const MAX_TOLD = 5

/** `gapmesh doctor`: looks at everything in a home whose agent is stopped, changes nothing, exits 1 when something is wrong. */
export const doctor: Action<KeystoreOptions> = async (options, context) => {
  const home = nodeHome(context.home)
  const findings: Finding[] = []
  const step = async <Result>(
    check: string,
    work: () => Promise<{ result: Result; detail: string; warning?: boolean }>,
  ) => {
    try {
      const { result, detail, warning } = await work()
      findings.push({ check, state: warning ? 'warning' : 'ok', detail })
      return result
    } catch (error) {
      findings.push({ check, state: 'failed', detail: describe(error) })
      return undefined
    }
  }
  const config = await step('configuration', () => checkConfiguration(context))
  const identity = await step('identity', () => checkIdentity(home))
  if (identity !== undefined) {
    await step('certificate', () => checkCertificate(identity))
    await step('store', () => checkStores({ home, identity, config, options, context }))
  }
  for (const path of [...(config?.['ingest.eve'] ?? []), ...(config?.['ingest.zeek'] ?? [])]) {
    await step(`input ${path}`, async () => ({ result: await access(path, constants.R_OK), detail: 'readable' }))
  }
  const ok = findings.every(({ state }) => state !== 'failed')
  const rows = findings.map(({ check, state, detail }) => [check, state, detail])
  context.result({ ok, findings }, table(['check', 'state', 'detail'], rows))
  return ok ? 0 : 1
}

async function checkConfiguration(context: CommandContext) {
  const { env, workingDirectory } = context.io
  const result = await loadConfig({ home: context.home, flags: {}, env, workingDirectory })
  return { result, detail: 'readable' }
}

async function checkIdentity(home: NodeHome) {
  const result = await readIdentity(home)
  return { result, detail: `${result.nodeId} in ${result.mesh}` }
}

async function checkCertificate({ chain }: NodeIdentity) {
  const leaf = parseChain(chain)[0]
  const leftMs = (leaf?.notAfterMs ?? 0) - systemDependencies().clock.now()
  const detail = `valid until ${timeText(leaf?.notAfterMs)}`
  if (leftMs < 0) throw new TypeError(`it ended: ${detail}`)
  return { result: undefined, detail, warning: leftMs < DAY_MS }
}

interface StoreCheck {
  readonly home: NodeHome
  readonly identity: NodeIdentity
  readonly config: AgentConfig | undefined
  readonly options: KeystoreOptions
  readonly context: CommandContext
}

/** Opens keys and database, walks chains with payloads and signatures, and every record with its index entries. */
async function checkStores({ home, identity, config, options, context }: StoreCheck) {
  if (await isServed(home.socket)) throw AGENT_ERRORS.create('AGENT_CONTROL_IN_USE')
  const dependencies = systemDependencies()
  const { provider, clock, logger } = dependencies
  const { mesh, nodeId, rootFingerprint, pseudonymEpoch } = identity
  const [certificate, root] = [parseChain(identity.chain)[0], parseChain(identity.chain).at(-1)]
  if (certificate === undefined || root === undefined) throw AGENT_ERRORS.create('AGENT_HOME_BROKEN')
  const secrets = {
    passphraseFile: options.passphraseFile ?? config?.['keystore.passphrase_file'],
    keyFile: options.keyFile ?? config?.['keystore.key_file'],
  }
  const unlock = await unlockWith(secrets, context, { prompt: 'Passphrase of the keystore', create: false })
  const keyOptions = { directory: home.keystore, unlock, certificate, pseudonymEpoch }
  const { sealer, keystore } = await openNodeKeys(keyOptions, dependencies)
  keystore.close()
  if (!existsSync(home.database)) return { result: undefined, detail: 'no database: nothing was stored yet' }
  const database = await openDatabase(home.database)
  try {
    const records = await openRecordStore({ readOnly: true }, { database, clock, logger })
    const trust = new MeshTrust({ mesh, rootFingerprint, root }, { provider, clock, records })
    await trust.load()
    const findKey = async (origin: string, keyId: Uint8Array) => trust.findKey(origin, keyId)
    const ledger = await checkLedger(
      { nodeId, scope: 'full' },
      { database, sealer, signatures: { mesh, rootFingerprint, provider, findKey } },
    )
    const store = await records.check()
    await records.close()
    if (ledger.problemCount > 0) {
      const told = ledger.problems.slice(0, MAX_TOLD).map(({ origin, message }) => `${origin}: ${message}`)
      const more = ledger.problemCount > told.length ? `; ${ledger.problemCount} problems in all` : ''
      throw LEDGER_ERRORS.create('LEDGER_DAMAGED', { detail: told.join('; ') + more })
    }
    if (!store.ok) throw new TypeError(JSON.stringify(store))
    const queue = await checkBundleQueue({ database, sealer, directory: home.bundles })
    const [problem] = queue.problems
    if (problem !== undefined) throw BUNDLES_ERRORS.create('BUNDLES_DAMAGED', { detail: problem.message })
    const counts = `${ledger.blocksChecked} blocks, ${store.records} records, ${queue.bundlesChecked} bundles`
    return { result: undefined, detail: counts }
  } finally {
    await database.close()
  }
}

function describe(error: unknown): string {
  if (!isGapmeshError(error)) return error instanceof Error ? error.message : String(error)
  const { code, message, hint }: GapmeshError = error
  return `${message} (${code})${hint === undefined ? '' : `. ${hint}`}`
}
