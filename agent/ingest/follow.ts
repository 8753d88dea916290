import { type Clock, isGapmeshError, type Logger } from '../../core/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { FINGERPRINT_BYTES, MAX_LINE_BYTES, READ_CHUNK_BYTES } from '../limits.ts'
import { FileWatch } from './file-watch.ts'
import { findCandidates, LogFile } from './log-file.ts'
import type { FilePosition } from './position.ts'
import { planSources, type Source } from './sources.ts'
import { ArraySplitter, beginsArray, type Frame, LineSplitter, type Splitter } from './splitters.ts'

export interface FollowOptions {
  path: string
  /** A stored position, or where to begin without one. `end` skips what is there now. */
  startAt: FilePosition | 'beginning' | 'end'
  /** `follow` (default) waits for more for ever; `once` ends at the end of the file. */
  mode?: 'follow' | 'once'
  /** Longest wait between looks in milliseconds. Default 1000; changes are usually noticed at once. */
  pollMs?: number
}

export interface FollowDependencies {
  clock: Clock
  logger: Logger
  /** Ends the iteration. */
  signal: AbortSignal
  /** Called when part of the file may have been rotated away unread. */
  onGap?: () => void
}

/** Frames read at once from one file; none when a file was just opened. */
export interface LineBatch {
  readonly frames: readonly Frame[]
  /** Zeek header lines from the beginning of a file that is resumed in its middle; not part of what is read. */
  readonly header: readonly Uint8Array[]
  /** The position after all of it. */
  readonly position: FilePosition
  /** The position after a frame of this batch, for the commit that accepts what was made of it. */
  positionAt(frame: Frame): FilePosition
}

const DEFAULT_POLL_MS = 1000

/**
 * Reads a log as it grows, across rotation (rename and create, copy and truncate) and restarts: NDJSON and TSV line by
 * line, a JSON array element by element. Pull-based: nothing is read until the consumer asks, and at most one chunk and
 * one unfinished line are held. A line counts when its end is there; a missing file is waited for.
 * @throws AGENT_INPUT_COMPRESSED, AGENT_INPUT_NOT_FILE, AGENT_INPUT_READ
 */
export async function* followFile(
  options: FollowOptions,
  dependencies: FollowDependencies,
): AsyncGenerator<LineBatch, void> {
  const follower = new Follower(options, dependencies)
  try {
    yield* follower.run()
  } catch (cause) {
    if (isGapmeshError(cause)) throw cause
    throw AGENT_ERRORS.create('AGENT_INPUT_READ', { detail: options.path, cause })
  } finally {
    await follower.close()
  }
}

class Follower {
  readonly #options: FollowOptions
  readonly #dependencies: FollowDependencies
  readonly #watch: FileWatch
  readonly #chunk = new Uint8Array(READ_CHUNK_BYTES)
  readonly #once: boolean
  #position: FilePosition | 'beginning' | 'end'
  /** True when the file of #position was held open until its end, so that nothing in it can have been missed. */
  #readToEnd = false
  #file: LogFile | undefined

  constructor(options: FollowOptions, dependencies: FollowDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.#once = options.mode === 'once'
    this.#position = options.startAt
    this.#watch = new FileWatch({ path: options.path, pollMs: options.pollMs ?? DEFAULT_POLL_MS }, dependencies)
  }

  async *run(): AsyncGenerator<LineBatch, void> {
    while (!this.#aborted) {
      const sources = await this.#plan()
      for (const source of sources) {
        if (this.#aborted) return
        yield* this.#readSource(source)
      }
      if (this.#once) return this.#checkFound(sources)
      if (!sources.at(-1)?.current) await this.#wait()
    }
  }

  async close(): Promise<void> {
    this.#watch.close()
    await this.#file?.close()
  }

  get #aborted(): boolean {
    return this.#dependencies.signal.aborted
  }

  #wait(): Promise<void> {
    return this.#watch.wait(this.#dependencies.signal)
  }

  #checkFound(sources: readonly Source[]): void {
    if (sources.length === 0) throw AGENT_ERRORS.create('AGENT_INPUT_READ', { detail: this.#options.path })
  }

  async #plan(): Promise<readonly Source[]> {
    if (typeof this.#position === 'string') return this.#firstSource(this.#position)
    const { path } = this.#options
    const plan = planSources(this.#position, await findCandidates(path, this.#position))
    if (plan.possiblyMissed && !this.#readToEnd) {
      this.#dependencies.logger.warn({ path }, 'the file that was read last is gone; lines in it may have been missed')
      this.#dependencies.onGap?.()
    }
    // Once is enough, also when the file that follows is long in coming.
    this.#readToEnd = true
    return plan.sources
  }

  /** Without a stored position: the file that is there, or will be. What appears later is new from its first byte. */
  async #firstSource(start: 'beginning' | 'end'): Promise<readonly Source[]> {
    const { path } = this.#options
    const file = await LogFile.open(path)
    this.#position = 'beginning'
    if (file === undefined) return []
    const offset = start === 'end' ? await file.size() : 0
    await file.close()
    return [{ path, current: true, inode: file.inode, offset }]
  }

  async *#readSource(source: Source): AsyncGenerator<LineBatch, void> {
    const file = await LogFile.open(source.path)
    if (file === undefined) return
    this.#file = file
    // When it was renamed since the plan was made, the next plan finds it again.
    if (file.inode === source.inode) yield* this.#readFile(file, source)
    this.#file = undefined
    await file.close()
  }

  async *#readFile(file: LogFile, source: Source): AsyncGenerator<LineBatch, void> {
    file.seek(source.offset)
    this.#readToEnd = false
    this.#position = file.positionAt(source.offset)
    yield this.#batch(file, [], await file.headerLines())
    let splitter: Splitter | undefined
    while (!this.#aborted) {
      // Before every read: while the consumer was busy, the file may have been truncated and filled again.
      const state = await file.inspect()
      if (state === 'truncated') return
      if (state === 'grown') {
        const start = file.offset
        const chunk = await file.read(this.#chunk)
        splitter ??= this.#splitterFor(file.head, start, source.offset > 0)
        const frames = splitter?.push(chunk) ?? []
        if (frames.length > 0) yield this.#batch(file, frames)
      } else if (state === 'rotated' || this.#once || !source.current) {
        const last = splitter?.finish()
        if (last !== undefined) yield this.#batch(file, [last])
        this.#readToEnd = true
        return
      } else await this.#wait()
    }
  }

  /** Lines or an array: told by the first byte that is not space, and not before there is one. */
  #splitterFor(head: Uint8Array, offset: number, resumed: boolean): Splitter | undefined {
    const isArray = beginsArray(head) ?? (head.length === FINGERPRINT_BYTES ? false : undefined)
    if (isArray === undefined) return undefined
    const options = { offset, maxFrameBytes: MAX_LINE_BYTES, resumed }
    return isArray ? new ArraySplitter(options) : new LineSplitter(options)
  }

  #batch(file: LogFile, frames: readonly Frame[], header: readonly Uint8Array[] = []): LineBatch {
    const position = file.positionAt(frames.at(-1)?.endOffset ?? file.offset)
    this.#position = position
    return { frames, header, position, positionAt: (frame) => file.positionAt(frame.endOffset) }
  }
}
