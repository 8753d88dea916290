import { chmod, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type Clock, isGapmeshError, type Logger } from '../../core/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { MAX_CONTROL_CONNECTIONS, MAX_CONTROL_REQUEST_BYTES, MAX_CONTROL_RESPONSE_BYTES } from '../limits.ts'
import type { ControlMethods, ControlResponse, ControlStreams, MethodName, StreamName } from './messages.ts'
import { badParameter, isMethod } from './params.ts'
import { decodeRequest, encodeMessage, toWireError } from './wire.ts'

/**
 * What the process does for each request it answers; others are refused with AGENT_CONTROL_METHOD. Parameters are checked
 * before a handler sees them.
 */
export type ControlHandlers = {
  readonly [Name in MethodName]?: (
    params: ControlMethods[Name]['params'],
    signal: AbortSignal,
  ) => Promise<ControlMethods[Name]['result']>
} & {
  readonly [Name in StreamName]?: (
    params: ControlStreams[Name]['params'],
    signal: AbortSignal,
  ) => AsyncIterable<ControlStreams[Name]['item']>
}

export interface ControlServerOptions {
  /** From {@link controlSocketPath}. */
  readonly path: string
  /** How long a command may take to send its request or to take what it asked for. Default 10,000. */
  readonly timeoutMs?: number
}

export interface ControlServerDependencies {
  readonly handlers: ControlHandlers
  readonly clock: Clock
  readonly logger: Logger
}

/** The open control socket. */
export interface ControlServer {
  /** Ends all connections and removes the socket. */
  close(): Promise<void>
}

const DEFAULT_TIMEOUT_MS = 10_000

/**
 * Opens the control socket, for this user alone (mode 0600). One that a dead agent left behind is replaced.
 * @throws AGENT_CONTROL_IN_USE, AGENT_CONTROL_LISTEN
 */
export async function serveControl(
  options: ControlServerOptions,
  dependencies: ControlServerDependencies,
): Promise<ControlServer> {
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    // The other side went away; whoever writes notices by the close.
    socket.on('error', () => {})
    void new Connection(socket, options.timeoutMs ?? DEFAULT_TIMEOUT_MS, dependencies).serve()
  })
  server.maxConnections = MAX_CONTROL_CONNECTIONS
  await listen(server, options.path)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of connections) socket.destroy()
      }),
  }
}

async function listen(server: Server, path: string): Promise<void> {
  try {
    await tryListen(server, path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') {
      throw AGENT_ERRORS.create('AGENT_CONTROL_LISTEN', { detail: path, cause })
    }
    if (await isServed(path)) throw AGENT_ERRORS.create('AGENT_CONTROL_IN_USE')
    await rm(path, { force: true })
    await tryListen(server, path)
  }
  await chmod(path, 0o600)
}

function tryListen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // The socket is bound inside this call: nobody else can connect before its mode is set.
    const mask = process.umask(0o177)
    server.listen(path, () => {
      server.removeListener('error', reject)
      resolve()
    })
    process.umask(mask)
  })
}

/** True when a process answers on the control socket at `path`. */
export function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** How long a connection that was answered may take to close, in milliseconds. */
const LEAVING_MS = 1_000

class Connection {
  readonly #socket: Socket
  readonly #timeoutMs: number
  readonly #dependencies: ControlServerDependencies
  readonly #gone = new AbortController()

  constructor(socket: Socket, timeoutMs: number, dependencies: ControlServerDependencies) {
    this.#socket = socket
    this.#timeoutMs = timeoutMs
    this.#dependencies = dependencies
    socket.once('close', () => this.#gone.abort())
  }

  async serve(): Promise<void> {
    try {
      const line = await this.#readLine()
      if (line !== undefined) await this.#answer(line)
    } catch (error) {
      if (!isGapmeshError(error)) this.#dependencies.logger.error({ err: error }, 'a control request failed')
      await this.#write({ error: toWireError(error) })
    }
    this.#leave()
  }

  /** Whoever still writes is read until it has the answer: cut off at once, it would see a broken pipe in its place. */
  #leave(): void {
    const timer = this.#dependencies.clock.setTimer(LEAVING_MS, () => this.#socket.destroy(), { unref: true })
    this.#socket.once('close', () => timer.cancel())
    this.#socket.end()
  }

  async #answer(line: Uint8Array): Promise<void> {
    const { method, params } = decodeRequest(line)
    const handler = isMethod(method) ? this.#dependencies.handlers[method] : undefined
    if (!isMethod(method) || handler === undefined) throw AGENT_ERRORS.create('AGENT_CONTROL_METHOD')
    const bad = badParameter(method, params)
    if (bad !== undefined) throw AGENT_ERRORS.create('AGENT_CONTROL_PARAMETER', { detail: bad })
    const { signal } = this.#gone
    // The parameters were checked against this method's own shape.
    const answer = handler(params as never, signal)
    if (!(Symbol.asyncIterator in answer)) {
      await this.#write({ result: await answer })
      return
    }
    for await (const item of answer) {
      if (signal.aborted || !(await this.#write({ item }))) return
    }
    await this.#write({ end: true })
  }

  /** The request line, or undefined when the other side left before it was complete. */
  #readLine(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let bytes = 0
      const timer = this.#dependencies.clock.setTimer(this.#timeoutMs, () =>
        finish(() => reject(AGENT_ERRORS.create('AGENT_CONTROL_TIMEOUT'))),
      )
      const onData = (chunk: Buffer) => {
        const end = chunk.indexOf(0x0a)
        chunks.push(end === -1 ? chunk : chunk.subarray(0, end))
        bytes += chunk.length
        if (end !== -1) finish(() => resolve(Buffer.concat(chunks)))
        else if (bytes > MAX_CONTROL_REQUEST_BYTES) {
          finish(() => reject(AGENT_ERRORS.create('AGENT_CONTROL_TOO_LARGE')))
        }
      }
      const onClose = () => finish(() => resolve(undefined))
      const finish = (settle: () => void) => {
        timer.cancel()
        this.#socket.off('data', onData).off('close', onClose)
        // Whatever else arrives is dropped; reading goes on so that the end is noticed.
        this.#socket.resume()
        settle()
      }
      this.#socket.on('data', onData).once('close', onClose)
    })
  }

  /** False when the other side is gone or takes nothing. */
  async #write(message: ControlResponse): Promise<boolean> {
    const line = encodeMessage(message)
    if (Buffer.byteLength(line) > MAX_CONTROL_RESPONSE_BYTES) throw AGENT_ERRORS.create('AGENT_CONTROL_TOO_LARGE')
    if (this.#gone.signal.aborted) return false
    if (this.#socket.write(line)) return true
    return this.#drained()
  }

  #drained(): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (drained: boolean) => {
        timer.cancel()
        this.#socket.off('drain', onDrain).off('close', onClose)
        if (!drained) this.#socket.destroy()
        resolve(drained)
      }
      const onDrain = () => finish(true)
      const onClose = () => finish(false)
      const timer = this.#dependencies.clock.setTimer(this.#timeoutMs, onClose)
      this.#socket.once('drain', onDrain).once('close', onClose)
    })
  }
}
