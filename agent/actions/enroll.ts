import { equalBytes, isGapmeshError, toHex } from '../../core/index.ts'
import { makeDirectory } from '../../core/store/index.ts'
import { createKeystore, type KeystoreOptions, openKeystore } from '../../crypto/store/index.ts'
import {
  type EnrollNodeDependencies,
  type EnrollNodeOptions,
  enrollNode,
  type NodeEnrollment,
} from '../../enrollment/api/index.ts'
import { decodeToken } from '../../enrollment/index.ts'
import { parseChain } from '../../records/path/index.ts'
import type { Action, NodeEnrollOptions } from '../cli/index.ts'
import { pairs, timeText } from '../cli/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { type NodeHome, type NodeIdentity, nodeHome, readIdentity, writeIdentity } from '../node/home.ts'
import { identityKeyOf, nextIdentityKey } from '../node/identity-keys.ts'
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
  const held = await checkIdentity(home, { token, nodeId: options.nodeId })
  const unlock = await unlockWith(options, context, { prompt: 'Passphrase of the keystore', create: true })
  const dependencies = systemDependencies()
  await makeDirectory(home.directory)
  const keystore = await createOrOpen({ directory: home.keystore, unlock }, dependencies)
  try {
    const { ca: url, nodeId: wanted, addresses } = options
    const request = { keystore, url, token, nodeId: wanted, addresses }
    const { mesh, nodeId, path, chain, config } = await enrollWith(request, held, dependencies)
    const rootFingerprint = path.chain.at(-1)?.fingerprint ?? new Uint8Array()
    const { bootstrapPeers, pseudonymEpoch } = config
    const known = { mesh, nodeId, rootFingerprint, pseudonymEpoch, bootstrapPeers, chain }
    await writeIdentity(home, { ...known, caUrl: options.ca, enrolledAtMs: path.leaf.notBeforeMs })
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

/**
 * An identity is renewed in its home, never replaced: keys, chain and records there belong to one node of one mesh.
 * @returns the identity that is there
 * @throws AGENT_HOME_OTHER_IDENTITY, AGENT_HOME_BROKEN, ENROLLMENT_TOKEN_*
 */
async function checkIdentity(
  home: NodeHome,
  wanted: { token: string; nodeId: string },
): Promise<NodeIdentity | undefined> {
  const { mesh, rootFingerprint } = decodeToken(wanted.token)
  const held = await readIdentity(home).catch((error) => {
    if (isGapmeshError(error, 'AGENT_HOME_NOT_ENROLLED')) return undefined
    throw error
  })
  if (held === undefined) return undefined
  if (held.nodeId === wanted.nodeId && equalBytes(held.rootFingerprint, rootFingerprint)) return held
  const detail = `${held.nodeId} in ${held.mesh}, not ${wanted.nodeId} in ${mesh}`
  throw AGENT_ERRORS.create('AGENT_HOME_OTHER_IDENTITY', { detail })
}

/**
 * Enrols a node, for the first time or again. The CA has its name under the key of its newest certificate: that key is
 * shown. A CA that refuses it may have revoked it, or may have given the node a certificate that never reached it: the key
 * after it is shown then.
 * @throws as `enrollNode`
 */
export async function enrollWith(
  request: Omit<EnrollNodeOptions, 'identityKeyName'>,
  held: Pick<NodeIdentity, 'chain'> | undefined,
  dependencies: EnrollNodeDependencies,
): Promise<NodeEnrollment> {
  const { keystore } = request
  const [certificate] = held === undefined ? [] : parseChain(held.chain)
  const current = certificate && (await identityKeyOf(keystore, certificate))
  if (certificate === undefined || current === undefined) return enrollNode(request, dependencies)
  try {
    return await enrollNode({ ...request, identityKeyName: current.name }, dependencies)
  } catch (error) {
    if (!isGapmeshError(error, 'ENROLLMENT_REFUSED')) throw error
    const next = await nextIdentityKey(keystore, { keyName: current.name, certificate })
    return enrollNode({ ...request, identityKeyName: next.name }, dependencies)
  }
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
