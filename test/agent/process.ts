import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { ROOT } from './helpers.ts'

/** What a command printed, and how it ended. */
export interface Transcript {
  readonly out: string
  readonly err: string
  readonly code: number | null
}

type Environment = Readonly<Record<string, string>>

/** `gapmesh` as it is installed, with nothing of this process's environment but PATH, and a home of its own. */
export class Terminal {
  readonly directory: string
  readonly #env: Environment

  private constructor(directory: string) {
    this.directory = directory
    // The processes compile the same code over and over: a cache that only this test uses spares most of it.
    this.#env = { PATH: process.env.PATH ?? '', HOME: directory, NODE_COMPILE_CACHE: join(directory, '.compiled') }
  }

  /** The path of a Unix socket must be short; those of t.testdir() are not. */
  static async open(t: Test): Promise<Terminal> {
    const directory = await mkdtemp(join(tmpdir(), 'gm-'))
    t.teardown(() => rm(directory, { recursive: true, force: true }))
    return new Terminal(directory)
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** Runs a command to its end. */
  async run(line: string, env: Environment = {}): Promise<Transcript> {
    const child = this.start(line, env)
    const transcript = { out: '', err: '' }
    child.stdout?.on('data', (chunk) => {
      transcript.out += chunk
    })
    child.stderr?.on('data', (chunk) => {
      transcript.err += chunk
    })
    const [code] = await once(child, 'close')
    return { ...transcript, code }
  }

  /** Runs a command with `input` on its standard input; what it prints is read as Latin-1, byte by byte. */
  async piped(line: string, input: Uint8Array): Promise<Transcript> {
    const child = this.start(line, {}, 'pipe')
    const transcript = { out: '', err: '' }
    child.stdout?.setEncoding('latin1').on('data', (chunk) => {
      transcript.out += chunk
    })
    child.stderr?.on('data', (chunk) => {
      transcript.err += chunk
    })
    child.stdin?.end(input)
    const [code] = await once(child, 'close')
    return { ...transcript, code }
  }

  /** Runs a command with `--json` that must succeed; what it printed. */
  async json(line: string, env: Environment = {}) {
    const { out, err, code } = await this.run(`${line} --json`, env)
    if (code !== 0) throw new Error(`gapmesh ${line} ended with ${code}: ${err}`)
    return JSON.parse(out)
  }

  /** Runs a command with `--json` that must fail: exit code, and the error as it was printed. */
  async refused(line: string, env: Environment = {}) {
    const { out, err, code } = await this.run(`${line} --json`, env)
    const last = err.trimEnd().split('\n').at(-1) ?? ''
    return {
      exit: code,
      out,
      ...(last.startsWith('{"error"') ? JSON.parse(last).error : { code: undefined, message: err }),
    }
  }

  start(line: string, env: Environment = {}, stdin: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
    const args = [join(ROOT, 'bin/gapmesh.cjs'), ...line.split(' ').filter((word) => word.length > 0)]
    return spawn(process.execPath, args, {
      cwd: this.directory,
      env: { ...this.#env, ...env },
      stdio: [stdin, 'pipe', 'pipe'],
    })
  }

  /** Starts a daemon with `--json`, and ends it with the test; resolves when it says that it is ready. */
  async daemon(t: Test, line: string, env: Environment = {}): Promise<Daemon> {
    const daemon = new Daemon(this.start(`${line} --json`, env))
    t.teardown(() => daemon.end('SIGKILL'))
    daemon.said = await daemon.line()
    return daemon
  }
}

/** A command that goes on until it is ended. */
export class Daemon {
  /** Its first line. */
  said: Record<string, unknown> & { readonly url?: string; readonly metrics?: string } = {}
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #closed: Promise<number | null>
  #log = ''

  constructor(child: ChildProcess) {
    this.#child = child
    if (child.stdout === null) throw new TypeError('standard output is piped')
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    this.#closed = once(child, 'close').then(([code]) => code)
    child.stderr?.on('data', (chunk) => {
      this.#log += chunk
    })
  }

  /** What it wrote to standard error. */
  get log(): string {
    return this.#log
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Its next line of JSON. */
  async line(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`it ended with ${await this.#closed}: ${this.#log}`)
    return JSON.parse(value)
  }

  /** Ends it: its exit code, and how many milliseconds that took. */
  async end(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly tookMs: number }> {
    const startedMs = performance.now()
    this.#child.kill(signal)
    return { code: await this.#closed, tookMs: performance.now() - startedMs }
  }
}

/** A home with a CA, and the flag that opens it. */
export async function makeCa(t: Test) {
  const terminal = await Terminal.open(t)
  const key = (name: string) => `--key-file ${terminal.path(`${name}.key`)}`
  const at = `--home ca ${key('ca')}`
  const made = await terminal.json(`ca init ${at} --mesh north-grid`)
  return { terminal, key, at, made }
}
