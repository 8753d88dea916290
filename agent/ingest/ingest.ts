import { type Clock, isGapmeshError, type Logger, sleep } from '../../core/index.ts'
import type { HashedAddresses } from '../../records/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { toBatch } from './batch.ts'
import { Coalescer, type CoalescerOptions } from './coalescer.ts'
import { followFile, type LineBatch } from './follow.ts'
import { createLineParser, type InputFormat, type LineParser } from './line-parser.ts'
import { decodePosition, type FilePosition } from './position.ts'
import { SampledLog } from './sampled-log.ts'
import type { Frame } from './splitters.ts'
import type { IngestBatch, IngestCounters, RejectionCode } from './types.ts'
import { Wake } from './wake.ts'

/** A sensor's log. */
export interface IngestInput {
  /** Absolute path; also the input's name. */
  readonly path: string
  readonly format: InputFormat
}

export interface IngestOptions extends CoalescerOptions {
  readonly inputs: readonly IngestInput[]
  /** Where an input without stored position begins. */
  readonly start: 'beginning' | 'end'
  /** `follow` for a sensor's log, `once` to read files to their end and finish. Default `follow`. */
  readonly mode?: 'follow' | 'once'
  /** How long after reading an anomaly signature expires, in milliseconds. */
  readonly expiryMs: number
  /** Longest wait between looks at an input in milliseconds. Default 1000. */
  readonly pollMs?: number
}

export interface IngestDependencies {
  readonly clock: Clock
  readonly logger: Logger
  /** Ends {@link Ingest.batches}; what was read but not handed over is read again at the next start. */
  readonly signal: AbortSignal
  /** Stored positions by input name. */
  readonly positions: ReadonlyMap<string, Uint8Array>
  /** The form in which addresses may leave the node; undefined when neither is known. */
  readonly hashAddresses: (source: string | undefined, destination: string | undefined) => HashedAddresses | undefined
}

/** How one input is doing. */
export interface InputState {
  readonly path: string
  readonly format: InputFormat
  /** `waiting` for the file to appear, `reading` it, or `failed` and tried again. */
  readonly state: 'waiting' | 'reading' | 'failed' | 'finished'
  /** Code of the last failure, while it lasts. */
  readonly error?: string
  /** Bytes of the current file that were read. */
  readonly offset: number
}

/** How long a failed input is left alone. */
const RETRY_MS = 5000

interface Input extends IngestInput {
  readonly parser: LineParser
  readonly log: SampledLog
  /** Rung when there is room again. */
  readonly room: Wake
  state: InputState['state']
  error: string | undefined
  position: FilePosition | undefined
}

/**
 * Reads a node's sensor logs and hands over what they say in batches, each to be accepted in one commit together with
 * its positions. One iteration at a time.
 */
export class Ingest {
  readonly #options: IngestOptions
  readonly #dependencies: IngestDependencies
  readonly #coalescer: Coalescer
  readonly #inputs: readonly Input[]
  readonly #changed: Wake

  /** @throws AGENT_CONFIG_VALUE for an input that is named twice, AGENT_INPUT_POSITION when a stored position is malformed */
  constructor(options: IngestOptions, dependencies: IngestDependencies) {
    const paths = options.inputs.map(({ path }) => path)
    const twice = paths.find((path, at) => paths.indexOf(path) < at)
    if (twice !== undefined)
      throw AGENT_ERRORS.create('AGENT_CONFIG_VALUE', { detail: `the input ${twice} is named twice` })
    this.#options = options
    this.#dependencies = dependencies
    this.#coalescer = new Coalescer(options)
    this.#changed = new Wake(dependencies)
    this.#inputs = options.inputs.map((input) => this.#createInput(input))
  }

  /** What became of the lines read since the start. */
  counters(): IngestCounters {
    return this.#coalescer.counters()
  }

  /** Malformed lines by code. */
  malformedByCode(): ReadonlyMap<RejectionCode, number> {
    return this.#coalescer.malformedByCode()
  }

  inputs(): readonly InputState[] {
    return this.#inputs.map(({ path, format, state, error, position }) => ({
      path,
      format,
      state,
      ...(error !== undefined && { error }),
      offset: position?.offset ?? 0,
    }))
  }

  /**
   * Batches in order. Pulling is the back-pressure: with overload `wait`, reading stops while the backlog is full.
   * Ends when the signal aborts or, in mode `once`, at the end of all inputs.
   * @throws AGENT_INPUT_READ, AGENT_INPUT_COMPRESSED, AGENT_INPUT_NOT_FILE in mode `once`; a followed input that fails
   * is logged, shown by {@link inputs} and tried again
   */
  async *batches(): AsyncGenerator<IngestBatch, void> {
    const stop = new AbortController()
    const signal = AbortSignal.any([this.#dependencies.signal, stop.signal])
    let running = this.#inputs.length
    let failure: unknown
    const pumps = this.#inputs.map(async (input) => {
      try {
        await this.#pump(input, signal)
      } catch (error) {
        failure ??= error
      }
      running -= 1
      this.#changed.notify()
    })
    try {
      while (!signal.aborted) {
        if (failure !== undefined) throw failure
        const now = this.#dependencies.clock.monotonic()
        const window = this.#coalescer.take(now, running === 0)
        if (window !== undefined) {
          for (const { room } of this.#inputs) room.notify()
          yield toBatch(window, this.#coalescer.counters(), { ...this.#options, ...this.#dependencies })
        } else if (running === 0) return
        else await this.#changed.wait({ timeoutMs: this.#coalescer.readyInMs(now), signal })
      }
    } finally {
      stop.abort()
      await Promise.all(pumps)
    }
  }

  #createInput(input: IngestInput): Input {
    const stored = this.#dependencies.positions.get(input.path)
    return {
      ...input,
      parser: createLineParser(input.format, input.path),
      log: new SampledLog({ input: input.path }, this.#dependencies),
      room: new Wake(this.#dependencies),
      state: 'waiting',
      error: undefined,
      position: stored && decodePosition(stored),
    }
  }

  async #pump(input: Input, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#read(input, signal)
        input.state = 'finished'
        return
      } catch (error) {
        if (this.#options.mode === 'once' || !isGapmeshError(error)) throw error
        input.state = 'failed'
        if (input.error !== error.code) {
          this.#dependencies.logger.error({ path: input.path, err: error }, 'an input cannot be read; will try again')
        }
        input.error = error.code
      }
      await sleep(this.#dependencies.clock, RETRY_MS, signal).catch(() => undefined)
    }
  }

  async #read(input: Input, signal: AbortSignal): Promise<void> {
    const { start, mode = 'follow', pollMs } = this.#options
    const lines = followFile(
      { path: input.path, startAt: input.position ?? start, mode, ...(pollMs !== undefined && { pollMs }) },
      { ...this.#dependencies, signal, onGap: () => this.#coalescer.addGap() },
    )
    for await (const batch of lines) {
      input.state = 'reading'
      input.error = undefined
      for (const line of batch.header) input.parser.parse(line)
      for (const frame of batch.frames) await this.#accept({ input, batch, frame, signal })
      if (signal.aborted) return
      input.position = batch.position
      this.#coalescer.moveTo(input.path, () => batch.position, this.#now())
      this.#changed.notify()
    }
  }

  async #accept(line: { input: Input; batch: LineBatch; frame: Frame; signal: AbortSignal }): Promise<void> {
    const { input, batch, frame, signal } = line
    while (this.#coalescer.full && !signal.aborted) {
      this.#changed.notify()
      await input.room.wait({ timeoutMs: undefined, signal })
    }
    if (signal.aborted) return
    const outcome = input.parser.parse(frame.bytes)
    if (outcome.status === 'event') this.#coalescer.addEvent(outcome.event, this.#now())
    else if (outcome.status === 'ignored') this.#coalescer.addIgnored()
    else {
      this.#coalescer.addMalformed(outcome.code)
      input.log.malformed(outcome, frame.endOffset)
    }
    this.#coalescer.moveTo(input.path, () => batch.positionAt(frame), this.#now())
  }

  #now(): number {
    return this.#dependencies.clock.monotonic()
  }
}
