/** What a command sees of the process it runs in. */
export interface CliIo {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  /** Where SIGINT and SIGTERM are heard. */
  readonly signals: NodeJS.EventEmitter
}

/** This process. */
export function processIo(): CliIo {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    workingDirectory: process.cwd(),
    signals: process,
  }
}
