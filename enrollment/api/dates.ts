import { PATH_ERRORS } from '../../records/path/index.ts'

/** Why a chain is not believed; where it is for its dates, with them: often the clock of this machine is wrong. */
export function refusalOf(cause: unknown): { cause: unknown; detail?: string } {
  const early = PATH_ERRORS.matches(cause, 'RECORDS_PATH_NOT_YET_VALID')
  if (!early && !PATH_ERRORS.matches(cause, 'RECORDS_PATH_EXPIRED')) return { cause }
  const { notBeforeMs, notAfterMs, atMs } = cause.metadata
  const validity = `valid from ${text(notBeforeMs)} to ${text(notAfterMs)}`
  return { cause, detail: `a certificate is ${validity}, and the clock here says ${text(atMs)}` }
}

function text(atMs: unknown): string {
  return new Date(Number(atMs)).toISOString()
}
