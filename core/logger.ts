import { type DestinationStream, pino, stdSerializers, stdTimeFunctions } from 'pino'
import { GapmeshError } from './errors.ts'

/** Severity names, most to least severe. `silent` writes nothing. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

type Write = (fields: Record<string, unknown>, message: string) => void

/** Structured log: fields first, then one plain sentence. Never given secrets or raw sensor lines. */
export interface Logger {
  error: Write
  warn: Write
  info: Write
  debug: Write
  trace: Write
  /** A logger that adds `fields` to everything it writes. */
  child(fields: Record<string, unknown>): Logger
}

export interface LoggerOptions {
  /** Least severe level that is written. Default `info`. */
  level?: LogLevel
  /** Where lines go. Default standard error, so that standard output stays for results. */
  destination?: DestinationStream
}

/** A JSON-lines logger over pino, to standard error unless told otherwise. Times are ISO 8601 in UTC, levels names. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const destination = options.destination ?? pino.destination({ dest: 2, sync: true })
  return pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: errorFacts },
    },
    destination,
  )
}

/** What was foreseen is told by code, message and what lies beneath; a defect with its stack. */
function errorFacts(error: unknown): unknown {
  if (!(error instanceof GapmeshError)) return error instanceof Error ? stdSerializers.err(error) : error
  const { code, message, metadata, cause } = error
  return {
    code,
    message,
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(cause instanceof Error && { cause: cause instanceof GapmeshError ? errorFacts(cause) : cause.message }),
  }
}

/** A logger that writes nothing. */
export function silentLogger(): Logger {
  return createLogger({ level: 'silent' })
}
