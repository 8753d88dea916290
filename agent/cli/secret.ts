import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { AGENT_ERRORS } from '../errors.ts'
import { MAX_SECRET_BYTES } from '../limits.ts'
import type { CliIo } from './io.ts'

export interface SecretRequest {
  /** What the terminal shows, such as `Passphrase of the new keystore`. */
  readonly prompt: string
  /** From `--passphrase-file` or `--token-file`; wins over everything. */
  readonly file?: string | undefined
  /** Default `passphrase`. */
  readonly kind?: 'passphrase' | 'token'
  /** True for a new secret: the terminal asks twice. */
  readonly create: boolean
}

/** Where each kind is found without a file, and how it is told that there is none. */
const KINDS = {
  passphrase: { variable: 'GAPMESH_PASSPHRASE', none: 'AGENT_CLI_SECRET_NONE' },
  token: { variable: 'GAPMESH_TOKEN', none: 'AGENT_CLI_TOKEN_NONE' },
} as const

/**
 * A secret from a file, else from the environment, else from the terminal without echo. Never from an argument, which
 * other users can see.
 * @throws AGENT_CLI_SECRET_NONE, AGENT_CLI_TOKEN_NONE, AGENT_CLI_SECRET_EMPTY, AGENT_CLI_SECRET_MISMATCH, AGENT_CLI_SECRET_FILE,
 * AGENT_CLI_SECRET_LENGTH, AGENT_CLI_INTERRUPTED
 */
export async function readSecret(request: SecretRequest, io: CliIo): Promise<string> {
  const { variable } = KINDS[request.kind ?? 'passphrase']
  const secret =
    request.file === undefined
      ? (io.env[variable] ?? (await askTerminal(request, io)))
      : await readSecretFile(resolve(io.workingDirectory, request.file))
  if (secret.length === 0) throw AGENT_ERRORS.create('AGENT_CLI_SECRET_EMPTY')
  if (Buffer.byteLength(secret) > MAX_SECRET_BYTES) throw AGENT_ERRORS.create('AGENT_CLI_SECRET_LENGTH')
  return secret
}

/** The first line of a file: editors end a file with a newline that is not meant. */
async function readSecretFile(path: string): Promise<string> {
  try {
    await using handle = await open(path, 'r')
    // One byte more than the cap, so that a longer file is noticed.
    // At no position: it may be a pipe, as in --passphrase-file <(pass show ca).
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_SECRET_BYTES + 1), { position: null })
    return buffer.toString('utf8', 0, bytesRead).split(/\r?\n/, 1)[0] ?? ''
  } catch (cause) {
    throw AGENT_ERRORS.create('AGENT_CLI_SECRET_FILE', { detail: path, cause })
  }
}

async function askTerminal(request: SecretRequest, io: CliIo): Promise<string> {
  if (!io.stdin.isTTY) throw AGENT_ERRORS.create(KINDS[request.kind ?? 'passphrase'].none)
  const terminal = new SilentTerminal(io)
  try {
    const secret = await terminal.ask(`${request.prompt}: `)
    if (request.create && (await terminal.ask('The same again: ')) !== secret) {
      throw AGENT_ERRORS.create('AGENT_CLI_SECRET_MISMATCH')
    }
    return secret
  } finally {
    terminal.close()
  }
}

/** Reads lines from a terminal in raw mode, so that nothing typed is shown. */
class SilentTerminal {
  readonly #io: CliIo
  #typed = ''
  #wake: (() => void) | undefined
  readonly #onData = (chunk: string) => {
    this.#typed += chunk
    this.#wake?.()
  }

  constructor(io: CliIo) {
    this.#io = io
    io.stdin.setRawMode(true)
    io.stdin.setEncoding('utf8')
    io.stdin.on('data', this.#onData)
    io.stdin.resume()
  }

  async ask(prompt: string): Promise<string> {
    this.#io.stderr.write(prompt)
    let line = ''
    for (;;) {
      const key = await this.#nextKey()
      if (key === '\r' || key === '\n' || key === '\u0004') break
      if (key === '\u0003') {
        this.#io.stderr.write('\n')
        throw AGENT_ERRORS.create('AGENT_CLI_INTERRUPTED')
      }
      line = edit(line, key)
    }
    this.#io.stderr.write('\n')
    return line
  }

  close(): void {
    this.#io.stdin.off('data', this.#onData)
    this.#io.stdin.setRawMode(false)
    this.#io.stdin.pause()
  }

  async #nextKey(): Promise<string> {
    while (this.#typed.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const [key = ''] = this.#typed
    this.#typed = this.#typed.slice(key.length)
    return key
  }
}

function edit(line: string, key: string): string {
  if (key === '\u007f' || key === '\b') return [...line].slice(0, -1).join('')
  if (key === '\u0015') return ''
  return key < ' ' ? line : line + key
}
