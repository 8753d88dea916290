import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { CliIo } from './io.ts'
import type { Progress } from './progress.ts'
import type { SecretRequest } from './secret.ts'

/** Options that every command has. */
export interface CommonOptions {
  readonly home?: string
  readonly json?: boolean
}

/** What a command works with. */
export interface CommandContext {
  /** The node's home, absolute. */
  readonly home: string
  readonly json: boolean
  readonly io: CliIo
  /** Aborts on SIGINT, SIGTERM, or when standard output is closed. */
  readonly signal: AbortSignal
  /** Prints a result: `value` as one line of JSON with `--json`, else the text. */
  result(value: unknown, text: string): void
  /** Prints a remark to standard error, for people only: nothing with `--json`. */
  note(text: string): void
  /** @throws AGENT_CLI_SECRET_NONE and the other AGENT_CLI_SECRET codes, AGENT_CLI_INTERRUPTED */
  readSecret(request: SecretRequest): Promise<string>
  progress(options: { label: string; total: number }): Promise<Progress>
}

/** The home named by `--home`, else by GAPMESH_HOME, else `~/.gapmesh`. */
export function resolveHome(options: CommonOptions, io: CliIo): string {
  return resolve(io.workingDirectory, options.home ?? io.env.GAPMESH_HOME ?? join(homedir(), '.gapmesh'))
}

/** The context of one command. Secrets and progress bars load their code when they are used. */
export function createContext(options: CommonOptions, io: CliIo, signal: AbortSignal): CommandContext {
  const json = options.json ?? false
  return {
    home: resolveHome(options, io),
    json,
    io,
    signal,
    result: (value, text) => void io.stdout.write(`${json ? JSON.stringify(value) : text}\n`),
    note: (text) => {
      if (!json) io.stderr.write(`${text}\n`)
    },
    readSecret: async (request) => (await import('./secret.ts')).readSecret(request, io),
    progress: async (progress) => (await import('./progress.ts')).createProgress(progress, io),
  }
}
