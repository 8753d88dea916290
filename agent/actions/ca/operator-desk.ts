import { resolve } from 'node:path'
import type { SuiteName } from '../../../crypto/index.ts'
import { type Keystore, openKeystore } from '../../../crypto/store/index.ts'
import {
  approveRootChange,
  getPolicy,
  type OperatorOptions,
  requestOperatorRotation,
  requestRevocation,
  requestToken,
  setPolicy,
} from '../../../enrollment/api/index.ts'
import { buildMemberCsr } from '../../../enrollment/index.ts'
import { NODE_KEYS } from '../../../enrollment/keys/index.ts'
import type { CaOptions, CommandContext } from '../../cli/index.ts'
import type { ControlHandlers } from '../../control/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'
import { systemDependencies } from '../system.ts'
import { unlockWith } from '../unlock.ts'
import { policyOf, policyView, revocationOf } from './handlers.ts'
import { type OperatorHome, type OperatorIdentity, operatorHome, readOperator, writeOperator } from './operator-home.ts'

/** An operator with its keys at hand. */
interface Session {
  readonly home: OperatorHome
  readonly identity: OperatorIdentity
  readonly keystore: Keystore
  readonly caller: OperatorOptions
}

/** What a CA does for an operator over HTTPS. */
export async function operatorHandlers(options: CaOptions, context: CommandContext): Promise<ControlHandlers> {
  const asOperator = <Result>(use: (session: Session) => Promise<Result>) => withSession({ options, context }, use)
  const dependencies = systemDependencies()
  return {
    'ca.token': ({ validForMs: lifetimeMs, ...terms }) =>
      asOperator(({ caller }) => requestToken({ ...caller, token: { ...terms, lifetimeMs } }, dependencies)),
    'ca.revoke': (params) =>
      asOperator(async ({ caller }) => {
        const { target, reason, invalidityMs } = revocationOf(params)
        await requestRevocation({ ...caller, target, reason, invalidityMs }, dependencies)
        return { revoked: [] }
      }),
    'ca.policy': () =>
      asOperator(async ({ caller }) => ({ policy: policyView(await getPolicy(caller, dependencies)) })),
    'ca.setPolicy': ({ policy }) =>
      asOperator(async ({ caller }) => {
        await setPolicy({ ...caller, policy: policyOf(policy) }, dependencies)
        return { revoked: [] }
      }),
    'ca.approve': () => asOperator(({ caller }) => approveRootChange(caller, dependencies)),
  }
}

/** Gives an operator its next certificate, over a new key; the old one stays in use until the new one is here. */
export function renewOperator(
  options: CaOptions,
  context: CommandContext,
): Promise<{ name: string; notAfterMs: number }> {
  return withSession({ options, context }, async ({ home, identity, keystore, caller }) => {
    const next = nextKeyName(identity.identityKey)
    const makeCsr = async (suite: SuiteName) => {
      const identityKey = (await keystore.signingKey(next)) ?? (await keystore.generate(next, suite))
      const deviceKey = await keystore.signingKey(NODE_KEYS.device)
      if (deviceKey === undefined) throw AGENT_ERRORS.create('AGENT_OPERATOR_HOME', { detail: home.directory })
      return { csr: await buildMemberCsr({ identityKey, deviceKey }), spki: identityKey.publicKey.spki }
    }
    const { chain, notAfterMs } = await requestOperatorRotation({ ...caller, makeCsr }, systemDependencies())
    await writeOperator(home, { ...identity, identityKey: next, chain })
    return { name: identity.name, notAfterMs }
  })
}

function nextKeyName(name: string): string {
  const number = Number(/-([0-9]+)$/.exec(name)?.[1] ?? 1)
  return `${NODE_KEYS.identity}-${number + 1}`
}

async function withSession<Result>(
  { options, context }: { options: CaOptions; context: CommandContext },
  use: (session: Session) => Promise<Result>,
): Promise<Result> {
  const { url, operator } = options
  if (url === undefined || operator === undefined) throw AGENT_ERRORS.create('AGENT_CA_OPERATOR_NONE')
  const home = operatorHome(resolve(context.io.workingDirectory, operator))
  const identity = await readOperator(home)
  const unlock = await unlockWith(options, context, { prompt: "Passphrase of the operator's keystore", create: false })
  const keystore = await openKeystore({ directory: home.keystore, unlock }, systemDependencies())
  try {
    const identityKey = await keystore.signingKey(identity.identityKey)
    if (identityKey === undefined) throw AGENT_ERRORS.create('AGENT_OPERATOR_HOME', { detail: home.directory })
    const { mesh, rootFingerprint, chain } = identity
    return await use({ home, identity, keystore, caller: { url, mesh, rootFingerprint, chain, identityKey } })
  } finally {
    keystore.close()
  }
}
