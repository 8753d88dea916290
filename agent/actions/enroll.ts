import { mkdir } from 'node:fs/promises'
import { isGapmeshError, toHex } from '../../core/index.ts'
import { createKeystore, type KeystoreOptions, openKeystore } from '../../crypto/store/index.ts'
import { enrollNode } from '../../enrollment/api/index.ts'
import type { Action, NodeEnrollOptions } from '../cli/index.ts'
import { pairs, timeText } from '../cli/index.ts'
import { nodeHome, writeIdentity } from '../node/home.ts'
import { type SystemDependencies, systemDependencies } from './system.ts'
import { unlockWith } from './unlock.ts'

/** `gapmesh node enroll`: makes keys in the home, gets a certificate for them, keeps both. May be repeated after a failure. */
export const nodeEnroll: Action<NodeEnrollOptions> = async (options, context) => {
  const home = nodeHome(context.home)
  const token = await context.readSecret({
    prompt: 'Enrolment token',
    file: options.tokenFile,
    kind: 'token',
    create: false,
  })
  const unlock = await unlockWith(options, context, { prompt: 'Passphrase of the keystore', create: true })
  const dependencies = systemDependencies()
  await mkdir(home.directory, { recursive: true, mode: 0o700 })
  const keystore = await createOrOpen({ directory: home.keystore, unlock }, dependencies)
  try {
    const { mesh, nodeId, path, chain, config } = await enrollNode(
      { keystore, url: options.ca, token, nodeId: options.nodeId, addresses: options.addresses },
      dependencies,
    )
    const rootFingerprint = path.chain.at(-1)?.fingerprint ?? new Uint8Array()
    const { bootstrapPeers, pseudonymEpoch } = config
    await writeIdentity(home, { mesh, nodeId, rootFingerprint, pseudonymEpoch, bootstrapPeers, chain })
    const facts = {
      mesh,
      node_id: nodeId,
      root_fingerprint: toHex(rootFingerprint),
      certificate_expires_at_ms: path.leaf.notAfterMs,
    }
    const lines = pairs([
      ['mesh', mesh],
      ['node', nodeId],
      ['root', facts.root_fingerprint],
      ['certificate valid until', timeText(path.leaf.notAfterMs)],
    ])
    context.result(facts, lines)
    context.note(`Next: gapmesh run --home ${context.home}`)
  } finally {
    keystore.close()
  }
  return 0
}

/** A first attempt that failed after making the keystore left one: the same keys are used again. */
async function createOrOpen(options: KeystoreOptions, dependencies: SystemDependencies) {
  try {
    return await createKeystore(options, dependencies)
  } catch (error) {
    if (isGapmeshError(error, 'CRYPTO_KEYSTORE_EXISTS')) return openKeystore(options, dependencies)
    throw error
  }
}
