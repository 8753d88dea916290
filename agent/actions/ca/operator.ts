import { resolve } from 'node:path'
import { isGapmeshError } from '../../../core/index.ts'
import { makeDirectory } from '../../../core/store/index.ts'
import { sha256 } from '../../../crypto/index.ts'
import { createKeystore, type KeystoreOptions, openKeystore } from '../../../crypto/store/index.ts'
import { buildMemberCsr } from '../../../enrollment/index.ts'
import { IDENTITY_SUITES, NODE_KEYS } from '../../../enrollment/keys/index.ts'
import { ensureSigningKey } from '../../../enrollment/store/index.ts'
import type { Action, CaOperatorAddOptions, CaOptions, CommandContext } from '../../cli/index.ts'
import { pairs, timeText } from '../../cli/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'
import { type SystemDependencies, systemDependencies } from '../system.ts'
import { unlockWith } from '../unlock.ts'
import { atDesk, type CaDesk } from './desk.ts'
import { fromBase64, toBase64 } from './handlers.ts'
import { type OperatorHome, operatorHome, writeOperator } from './operator-home.ts'

/** `gapmesh ca operator add`: makes the keys of an operator in a directory of its own and certifies them. */
export const caOperatorAdd: Action<CaOperatorAddOptions> = async (options, context) => {
  const { name, to } = options
  const home = operatorHome(resolve(context.io.workingDirectory, to))
  const { mesh, notAfterMs } = await atDesk(options, context, (desk) => makeOperator(home, { options, context, desk }))
  context.result(
    { mesh, name, directory: home.directory, certificate_expires_at_ms: notAfterMs },
    pairs([
      ['mesh', mesh],
      ['operator', name],
      ['directory', home.directory],
      ['certificate valid until', timeText(notAfterMs)],
    ]),
  )
  context.note('Move the directory to where the operator works; the CA keeps no copy of its keys.')
  return 0
}

async function makeOperator(
  home: OperatorHome,
  { options, context, desk }: { options: CaOperatorAddOptions; context: CommandContext; desk: CaDesk },
): Promise<{ mesh: string; notAfterMs: number }> {
  const { name, validForMs, toPassphraseFile, toKeyFile } = options
  const { mesh, suite } = await desk.ask('ca.status', {})
  const secrets = { passphraseFile: toPassphraseFile, keyFile: toKeyFile }
  const unlock = await unlockWith(secrets, context, { prompt: "Passphrase of the operator's keystore", create: true })
  await makeDirectory(home.directory)
  const keystore = await createOrOpen({ directory: home.keystore, unlock }, systemDependencies())
  try {
    const identityKey = await ensureSigningKey(keystore, NODE_KEYS.identity, IDENTITY_SUITES[suite])
    const deviceKey = await ensureSigningKey(keystore, NODE_KEYS.device, 'ed25519')
    const csr = toBase64(await buildMemberCsr({ identityKey, deviceKey }))
    const terms = { name, csr, ...(validForMs !== undefined && { validForMs }) }
    const answer = await desk.ask('ca.addOperator', terms)
    const chain = answer.chain.map(fromBase64)
    const rootFingerprint = sha256(chain.at(-1) ?? new Uint8Array())
    await writeOperator(home, { mesh, name, rootFingerprint, identityKey: NODE_KEYS.identity, chain })
    return { mesh, notAfterMs: answer.notAfterMs }
  } finally {
    keystore.close()
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

/** `gapmesh ca operator renew`: the operator's next certificate, over HTTPS. */
export const caOperatorRenew: Action<CaOptions> = async (options, context) => {
  const { renewOperator } = await import('./operator-desk.ts')
  const { name, notAfterMs } = await renewOperator(options, context)
  const facts = { name, certificate_expires_at_ms: notAfterMs }
  context.result(facts, `The certificate of ${name} is valid until ${timeText(notAfterMs)}`)
  return 0
}

/** `gapmesh ca approve`: an operator's word for a change of the root, over HTTPS. */
export const caApprove: Action<CaOptions> = async (options, context) => {
  if (options.url === undefined) throw AGENT_ERRORS.create('AGENT_CA_OPERATOR_NONE')
  const approvals = await atDesk(options, context, (desk) => desk.ask('ca.approve', {}))
  const { approvedBy, needed } = approvals
  context.result(approvals, `Approved by ${approvedBy.join(', ')}; needed: ${needed}`)
  return 0
}
