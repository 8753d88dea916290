import { toHex } from '../../../core/index.ts'
import { verifyAudit } from '../../../enrollment/index.ts'
import type { Action, CaAuditListOptions, CaAuditVerifyOptions, CaExportOptions } from '../../cli/index.ts'
import { table, timeText } from '../../cli/index.ts'
import type { AuditView } from '../../control/index.ts'
import { atDesk } from './desk.ts'
import { readInput, writeOutput } from './files.ts'
import { fromBase64 } from './handlers.ts'

const MAX_AUDIT_FILE_BYTES = 1024 * 1024 * 1024

/** `gapmesh ca audit list`: the newest decisions. */
export const caAuditList: Action<CaAuditListOptions> = async (options, context) => {
  const entries: AuditView[] = []
  const { limit } = options
  await atDesk(options, context, (desk) => desk.stream('ca.audit', { limit }, (entry) => entries.push(entry)))
  const rows = entries.map(({ atMs, event, actor, nodeId = '', detail }) => [
    timeText(atMs),
    event,
    actor.name === '' ? actor.kind : `${actor.kind} ${actor.name}`,
    nodeId,
    detail,
  ])
  context.result({ entries }, table(['TIME', 'EVENT', 'BY', 'ABOUT', 'DETAIL'], rows))
  return 0
}

/** `gapmesh ca audit verify`: the chain of this CA, or of an exported file. */
export const caAuditVerify: Action<CaAuditVerifyOptions> = async (options, context) => {
  const { file } = options
  const verified =
    file === undefined
      ? await atDesk(options, context, (desk) => desk.ask('ca.verifyAudit', {}))
      : await verifyExported(await readInput(file, MAX_AUDIT_FILE_BYTES, context))
  const { entries, head } = verified
  context.result(verified, `${entries} entries, unbroken. Head: ${head}`)
  context.note('Entries that were cut off the end are missed only by who noted an earlier head.')
  return 0
}

async function verifyExported(bytes: Uint8Array): Promise<{ entries: number; head: string }> {
  const lines = Buffer.from(bytes).toString('latin1').split('\n')
  const { entries, head } = await verifyAudit(lines.filter((line) => line !== '').map(fromBase64))
  return { entries, head: toHex(head) }
}

/** `gapmesh ca audit export`: every entry as it was hashed, oldest first, one line of base64 each. */
export const caAuditExport: Action<CaExportOptions> = async (options, context) => {
  const lines: string[] = []
  const take = ({ bytes }: { bytes: string }) => lines.push(`${bytes}\n`)
  await atDesk(options, context, (desk) => desk.stream('ca.exportAudit', {}, take))
  const path = await writeOutput(options.out, Buffer.from(lines.join('')), context)
  context.result({ entries: lines.length, path }, `${lines.length} entries in ${path}`)
  return 0
}
