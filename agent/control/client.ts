import { connect, type Socket } from 'node:net'
import type { Clock } from '../../core/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { LineSplitter } from '../ingest/splitters.ts'
import { MAX_CONTROL_RESPONSE_BYTES } from '../limits.ts'
import type { ControlMethods, ControlResponse, ControlStreams, MethodName, StreamName } from './messages.ts'
import { decodeResponse, encodeMessage, fromWireError } from './wire.ts'

export interface ControlClientOptions {
  /** From {@link controlSocketPath}. */
  readonly path: string
  /** Longest wait for an answer in milliseconds; a stream may pause for any time. Default 30,000. */
  readonly timeoutMs?: number
}

/** Asks the agent of this home. Each call opens a connection of its own. */
export class ControlClient {
  readonly #options: ControlClientOptions
  readonly #clock: Clock

  constructor(options: ControlClientOptions, dependencies: { clock: Clock }) {
    this.#options = options
    this.#clock = dependencies.clock
  }

  /**
   * One request, one answer.
   * @throws AGENT_CONTROL_NOT_RUNNING, AGENT_CONTROL_DENIED, AGENT_CONTROL_TIMEOUT, AGENT_CONTROL_CLOSED, or what the agent reported
   */
  async call<Name extends MethodName>(
    method: Name,
    params: ControlMethods[Name]['params'],
  ): Promise<ControlMethods[Name]['result']> {
    const socket = await open(this.#options.path)
    const timer = this.#clock.setTimer(this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS, () =>
      socket.destroy(AGENT_ERRORS.create('AGENT_CONTROL_TIMEOUT')),
    )
    try {
      socket.write(encodeMessage({ method, params }))
      for await (const response of responses(socket)) {
        if ('result' in response) return response.result as ControlMethods[Name]['result']
      }
      throw AGENT_ERRORS.create('AGENT_CONTROL_CLOSED')
    } finally {
      timer.cancel()
      socket.destroy()
    }
  }

  /**
   * Items as the agent sends them, until it ends the stream, the caller stops iterating, or `signal` aborts.
   * @throws AGENT_CONTROL_NOT_RUNNING, AGENT_CONTROL_DENIED, AGENT_CONTROL_CLOSED, or what the agent reported
   */
  async *stream<Name extends StreamName>(
    method: Name,
    params: ControlStreams[Name]['params'],
    signal: AbortSignal,
  ): AsyncGenerator<ControlStreams[Name]['item'], void> {
    const socket = await open(this.#options.path)
    const stop = () => void socket.destroy()
    signal.addEventListener('abort', stop, { once: true })
    try {
      socket.write(encodeMessage({ method, params }))
      for await (const response of responses(socket)) {
        if ('end' in response) return
        if ('item' in response) yield response.item as ControlStreams[Name]['item']
      }
      if (!signal.aborted) throw AGENT_ERRORS.create('AGENT_CONTROL_CLOSED')
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', stop)
      socket.destroy()
    }
  }
}

const DEFAULT_TIMEOUT_MS = 30_000

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      const denied = cause.code === 'EACCES' || cause.code === 'EPERM'
      reject(AGENT_ERRORS.create(denied ? 'AGENT_CONTROL_DENIED' : 'AGENT_CONTROL_NOT_RUNNING', { cause }))
    })
  })
}

/** The agent's answers; its errors are thrown. */
async function* responses(socket: Socket): AsyncGenerator<Exclude<ControlResponse, { error: unknown }>, void> {
  const splitter = new LineSplitter({ offset: 0, maxFrameBytes: MAX_CONTROL_RESPONSE_BYTES })
  for await (const chunk of chunks(socket)) {
    for (const { bytes } of splitter.push(chunk)) {
      if (bytes === undefined) throw AGENT_ERRORS.create('AGENT_CONTROL_TOO_LARGE')
      const response = decodeResponse(bytes)
      if ('error' in response) throw fromWireError(response.error)
      yield response
    }
  }
}

async function* chunks(socket: Socket): AsyncGenerator<Uint8Array, void> {
  try {
    yield* socket
  } catch (cause) {
    throw AGENT_ERRORS.matches(cause) ? cause : AGENT_ERRORS.create('AGENT_CONTROL_CLOSED', { cause })
  }
}
