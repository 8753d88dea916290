import { type GapmeshError, isGapmeshError } from '../../core/index.ts'
import { isRefusal } from '../control/wire.ts'
import { AGENT_ERRORS } from '../errors.ts'
import type { ExitCode } from './actions.ts'
import type { CliIo } from './io.ts'
import { plain } from './text.ts'

export interface Failure {
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
}

/** Prints why a command failed and answers its exit code. A defect shows its stack with GAPMESH_DEBUG set. */
export function reportError(error: unknown, io: CliIo, json: boolean): ExitCode {
  if (isGapmeshError(error)) {
    printFailure(error, io, json)
    return exitCodeOf(error)
  }
  const message = error instanceof Error ? error.message : String(error)
  const code = isSystemError(error) ? 'AGENT_CLI_SYSTEM' : 'AGENT_CLI_INTERNAL'
  printFailure(AGENT_ERRORS.create(code, { detail: message }), io, json)
  if (io.env.GAPMESH_DEBUG && error instanceof Error) io.stderr.write(`${error.stack}\n`)
  return 1
}

/** What a call to the system failed with: its text names the reason, mostly with the path. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

function exitCodeOf(error: GapmeshError): ExitCode {
  // What was typed or written into the configuration is not what gapmesh takes.
  if (/^(?:AGENT_(?:CONFIG_|CONTROL_PARAMETER$|METRICS_ADDRESS$|BUNDLE_OPTIONS$)|ENROLLMENT_URL$)/.test(error.code))
    return 2
  return isRefusal(error) ? 3 : 1
}

/** One line that says what failed and one that says what to do; with `--json` one JSON object. On standard error. */
export function printFailure(failure: Failure | GapmeshError, io: CliIo, json: boolean): void {
  const { code, message, hint } = failure
  if (json) io.stderr.write(`${JSON.stringify({ error: { code, message, ...(hint !== undefined && { hint }) } })}\n`)
  else {
    io.stderr.write(`gapmesh: ${plain(message)}\n`)
    if (hint !== undefined) io.stderr.write(`hint: ${plain(hint)}\n`)
  }
}
