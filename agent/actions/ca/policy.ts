import type { Action, CaOptions, CaPolicySetOptions } from '../../cli/index.ts'
import { pairs } from '../../cli/index.ts'
import type { PolicyView } from '../../control/index.ts'
import { durationText } from '../../durations.ts'
import { AGENT_ERRORS } from '../../errors.ts'
import { atDesk } from './desk.ts'
import { readInput } from './files.ts'

const MAX_POLICY_BYTES = 1024 * 1024

/** `gapmesh ca policy show` */
export const caPolicyShow: Action<CaOptions> = async (options, context) => {
  const { policy } = await atDesk(options, context, (desk) => desk.ask('ca.policy', {}))
  context.result(policy, textOf(policy))
  return 0
}

/** `gapmesh ca policy set`: a whole policy from a file, or single settings over the present one. */
export const caPolicySet: Action<CaPolicySetOptions> = async (options, context) => {
  const { file, changes } = options
  const whole = file === undefined ? undefined : readPolicy(await readInput(file, MAX_POLICY_BYTES, context))
  const { policy, revoked } = await atDesk(options, context, async (desk) => {
    const base = whole ?? (await desk.ask('ca.policy', {})).policy
    const policy = { ...base, ...changes }
    return { policy, ...(await desk.ask('ca.setPolicy', { policy })) }
  })
  context.result({ policy, revoked }, textOf(policy))
  if (revoked.length > 0) context.note(`Revoked by it: ${revoked.map(({ name }) => name).join(', ')}`)
  return 0
}

function readPolicy(bytes: Uint8Array): PolicyView {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch (cause) {
    throw AGENT_ERRORS.create('AGENT_POLICY_FILE', { cause })
  }
}

function textOf(policy: PolicyView): string {
  return pairs([
    ['nodes', policy.allow === null ? 'any' : policy.allow.join(' ') || 'none'],
    ['name pattern', policy.namePattern ?? 'any'],
    ['most nodes', policy.maxNodes === null ? 'any number' : String(policy.maxNodes)],
    ['proof of device', String(policy.attestation)],
    ['revoke on removal', policy.revokeOnRemoval ? 'yes' : 'no'],
    ['certificate lifetime', durationText(policy.leafLifetimeMs ?? 0)],
    ['grace after expiry', `${durationText(policy.graceMs ?? 0)}, ${policy.graceCount} times`],
  ])
}
