import { resolve } from 'node:path'
import { fromHex } from '../../core/index.ts'
import { openKeystore } from '../../crypto/store/index.ts'
import { REASON_CODES } from '../../enrollment/crl/index.ts'
import { NODE_KEYS } from '../../enrollment/keys/index.ts'
import { type Directive, encodeDirective, MAX_LIFETIME_MS, signRecord } from '../../records/index.ts'
import { parseChain } from '../../records/path/index.ts'
import {
  type Action,
  type CommandContext,
  clientOf,
  type DirectiveRevokeOptions,
  type DirectiveRotateOptions,
  type OperatorKeys,
} from '../cli/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { operatorHome, readOperator } from './ca/operator-home.ts'
import { systemDependencies } from './system.ts'
import { unlockWith } from './unlock.ts'

/** How long nodes that are away still learn of a directive; by then a list has come. */
const LIFETIME_MS = Math.min(MAX_LIFETIME_MS, 30 * 86_400_000)

/** `gapmesh directive revoke`: shuts out the certificate that a node has now, by the word of an operator. */
export const directiveRevoke: Action<DirectiveRevokeOptions> = async (options, context) => {
  const { nodes } = await clientOf(context).call('nodes.list', {})
  const certificate = nodes.find(({ nodeId }) => nodeId === options.nodeId)?.certificate
  if (certificate === undefined) throw AGENT_ERRORS.create('AGENT_NODE_UNKNOWN')
  return send(options, context, {
    kind: 'revoke',
    authorityKeyId: fromHex(certificate.authority),
    serialNumber: fromHex(certificate.serialNumber),
    subjectKeyId: fromHex(certificate.keyId),
    reason: REASON_CODES[options.reason],
    revokedAtMs: systemDependencies().clock.now(),
  })
}

/** `gapmesh directive rotate`: has one node, or all, change certificates soon. */
export const directiveRotate: Action<DirectiveRotateOptions> = async (options, context) => {
  const notLaterThanMs = systemDependencies().clock.now() + options.withinMs
  return send(options, context, { kind: 'rotate', nodeId: options.nodeId, notLaterThanMs })
}

async function send(options: OperatorKeys, context: CommandContext, directive: Directive): Promise<0> {
  const { record, chain } = await sign(options, context, directive)
  const params = { record: toBase64(record), chain: chain.map(toBase64) }
  const sent = await clientOf(context).call('directive.send', params)
  context.result(sent, `directive ${sent.id} is on its way`)
  return 0
}

async function sign(options: OperatorKeys, context: CommandContext, directive: Directive) {
  const dependencies = systemDependencies()
  const home = operatorHome(resolve(context.io.workingDirectory, options.operator))
  const { mesh, name, rootFingerprint, identityKey: keyName, chain } = await readOperator(home)
  const unlock = await unlockWith(options, context, { prompt: "Passphrase of the operator's keystore", create: false })
  const keystore = await openKeystore({ directory: home.keystore, unlock }, dependencies)
  try {
    const [identityKey, deviceKey] = [await keystore.signingKey(keyName), await keystore.signingKey(NODE_KEYS.device)]
    const [leaf] = parseChain(chain)
    if (identityKey === undefined || deviceKey === undefined || leaf === undefined)
      throw AGENT_ERRORS.create('AGENT_OPERATOR_HOME', { detail: home.directory })
    const { authorityKeyId: issuerKeyId, serialNumber } = leaf
    const createdAtMs = dependencies.clock.now()
    const author = { origin: name, issuerKeyId, serialNumber, sequence: createdAtMs, createdAtMs }
    const content = { type: 'directive', ...author, lifetimeMs: LIFETIME_MS, body: encodeDirective(directive) } as const
    const { bytes } = await signRecord(content, { mesh, rootFingerprint, identityKey, deviceKey }, { policy: 'hybrid' })
    return { record: bytes, chain }
  } finally {
    keystore.close()
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
