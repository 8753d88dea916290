import { type ChildProcess, spawn } from 'node:child_process'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { AGENT_ERRORS } from '../errors.ts'

/** The command as this process runs it: from source in a checkout, built where it was installed. */
const MAIN = join(import.meta.dirname, '..', `main${extname(import.meta.filename)}`)

/** Lines of a child's log that are kept to explain a failure. */
const KEPT_LOG_LINES = 20

export interface CommandInput {
  readonly args: readonly string[]
  /** Added to a clean environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** A `gapmesh` command in a process of its own. */
export class GapmeshProcess {
  readonly #child: ChildProcess
  readonly #command: string
  readonly #log: string[] = []
  readonly #exited: Promise<number | NodeJS.Signals>

  constructor({ args, env = {} }: CommandInput) {
    const { PATH = '', HOME = '', LANG = 'C.UTF-8' } = process.env
    this.#command = `gapmesh ${args
      .slice(0, 2)
      .filter((word) => !word.startsWith('-'))
      .join(' ')}`
    this.#child = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH, HOME, LANG, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', (code, signal) => resolve(signal ?? code ?? 1))
    })
    if (this.#child.stderr !== null) createInterface(this.#child.stderr).on('line', (line) => this.#remember(line))
  }

  /** Resolves when the process is gone, however it ended. */
  async gone(): Promise<void> {
    await this.#exited.catch(() => {})
  }

  /**
   * The first line of its standard output, as JSON: what a daemon says when it is ready.
   * @throws AGENT_DEMO_PROCESS when it ends before
   */
  async ready(): Promise<Record<string, unknown>> {
    const { stdout } = this.#child
    if (stdout === null) throw new TypeError('standard output is piped')
    const lines = createInterface(stdout)
    for await (const line of lines) {
      lines.close()
      stdout.resume()
      return JSON.parse(line)
    }
    throw this.#failure(await this.#exited)
  }

  /**
   * What the command printed, as JSON, once it ended well.
   * @throws AGENT_DEMO_PROCESS when it did not
   */
  async result(): Promise<Record<string, unknown>> {
    const chunks: Buffer[] = []
    this.#child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
    const end = await this.#exited
    if (end !== 0) throw this.#failure(end)
    return JSON.parse(Buffer.concat(chunks).toString())
  }

  /** Ends the process: SIGKILL as a power cut would, SIGTERM as an operator would. Resolves when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#child.kill(signal)
    await this.#exited
  }

  #remember(line: string): void {
    this.#log.push(line)
    if (this.#log.length > KEPT_LOG_LINES) this.#log.shift()
  }

  #failure(end: number | NodeJS.Signals): Error {
    return AGENT_ERRORS.create('AGENT_DEMO_PROCESS', {
      detail: `${this.#command} ended with ${end}${toldIn(this.#log.at(-1))}`,
      metadata: { log: this.#log },
    })
  }
}

/** What a command with `--json` said in its last line, if that was an error. */
function toldIn(line = ''): string {
  try {
    const { error } = JSON.parse(line)
    return `: ${error.message} (${error.code})`
  } catch {
    return ''
  }
}
