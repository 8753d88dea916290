import type { CaSummary } from '../../control/index.ts'

const DAY_MS = 86_400_000
const ROOT_NOTICE_MS = 365 * DAY_MS
const ISSUING_NOTICE_MS = 90 * DAY_MS

/** What the operators of a CA are told of an end that is near: of its root a year ahead, of an issuing CA 90 days. */
export function endingNotes({ root, authorities }: Pick<CaSummary, 'root' | 'authorities'>, nowMs: number): string[] {
  const issuing = authorities.find(({ active, kind }) => active && kind === 'issuing')
  const notes: string[] = []
  if (root.notAfterMs - nowMs < ROOT_NOTICE_MS) {
    notes.push(`The root ${endText(root.notAfterMs, nowMs)}: with it ends the mesh. Plan a new one.`)
  }
  if (issuing !== undefined && issuing.notAfterMs - nowMs < ISSUING_NOTICE_MS) {
    notes.push(`This issuing CA ${endText(issuing.notAfterMs, nowMs)}. Renew it: gapmesh ca issuing request`)
  }
  return notes
}

function endText(endMs: number, nowMs: number): string {
  const days = Math.floor(Math.abs(endMs - nowMs) / DAY_MS)
  return endMs < nowMs ? `ended ${days} days ago` : `ends in ${days} days`
}
