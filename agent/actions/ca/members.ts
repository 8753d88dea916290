import type { Action, CaListOptions, CaRevokeOptions, CaTokenOptions } from '../../cli/index.ts'
import { table, timeText } from '../../cli/index.ts'
import type { IssuedView } from '../../control/index.ts'
import { atDesk } from './desk.ts'

/** `gapmesh ca token`: makes a token, through the serving CA where one runs, or over HTTPS. */
export const caToken: Action<CaTokenOptions> = async (options, context) => {
  const { validForMs, nodeId, uses, roles, labels, attestation } = options
  const terms = {
    validForMs,
    ...(nodeId !== undefined && { nodeId }),
    ...(uses !== undefined && { uses }),
    ...(roles !== undefined && { roles }),
    ...(labels !== undefined && { labels }),
    ...(attestation !== undefined && { attestation }),
  }
  const made = await atDesk(options, context, (desk) => desk.ask('ca.token', terms))
  context.result(made, made.token)
  const times = uses === undefined || uses === 1 ? 'once' : `${uses} times`
  context.note(`Valid until ${timeText(made.expiresAtMs)}, ${times}. It cannot be shown again.`)
  return 0
}

/** `gapmesh ca list`: certificates issued. */
export const caList: Action<CaListOptions> = async (options, context) => {
  const { kind, state } = options
  const certificates: IssuedView[] = []
  const filter = { ...(kind !== undefined && { kind }), ...(state !== undefined && { state }) }
  await atDesk(options, context, (desk) => desk.stream('ca.list', filter, (item) => certificates.push(item)))
  certificates.sort((a, b) => a.name.localeCompare(b.name) || a.issuedAtMs - b.issuedAtMs)
  if (certificates.length === 0) context.note('no such certificates')
  if (certificates.length > 0 || context.json) context.result({ certificates }, tableOf(certificates))
  return 0
}

function tableOf(certificates: readonly IssuedView[]): string {
  const rows = certificates.map(({ kind, name, state, notAfterMs, serialNumber, labels, reason = '' }) => [
    kind,
    name,
    reason === '' ? state : `${state}: ${reason}`,
    timeText(notAfterMs),
    serialNumber,
    labels.join(' '),
  ])
  return table(['KIND', 'NAME', 'STATE', 'UNTIL', 'SERIAL NUMBER', 'LABELS'], rows)
}

/** `gapmesh ca revoke`: the next revocation list, which is issued at once, has it. */
export const caRevoke: Action<CaRevokeOptions> = async (options, context) => {
  const { serialNumber, nodeId, operatorName: operator, reason, invalidityMs } = options
  const sentence = {
    ...(serialNumber !== undefined && { serialNumber }),
    ...(nodeId !== undefined && { nodeId }),
    ...(operator !== undefined && { operator }),
    ...(reason !== undefined && { reason }),
    ...(invalidityMs !== undefined && { invalidityMs }),
  }
  const { revoked } = await atDesk(options, context, (desk) => desk.ask('ca.revoke', sentence))
  const done = revoked.length === 0 ? 'Revoked.' : `Revoked:\n${tableOf(revoked)}`
  context.result({ revoked }, done)
  context.note('Nodes learn of it with the next revocation list: from this CA, or by gapmesh crl export and import.')
  return 0
}
