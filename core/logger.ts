import { type DestinationStream, pino } from 'pino'

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

/** A JSON-lines logger over pino, to standard error unless told otherwise. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const destination = options.destination ?? pino.destination({ dest: 2, sync: true })
  return pino({ level: options.level ?? 'info', base: null }, destination)
}

/** A logger that writes nothing. */
export function silentLogger(): Logger {
  return createLogger({ level: 'silent' })
}
