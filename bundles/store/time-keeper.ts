import { type Clock, type Timer, utf8 } from '../../core/index.ts'
import { type Database, ROOM, type Room } from '../../core/store/index.ts'
import { QUEUE_TIME_MARK_MS } from '../limits.ts'
import {
  decodeTimeMark,
  ElapsedTime,
  type ElapsedTimeDependencies,
  encodeTimeMark,
  type TimeMark,
} from './elapsed-time.ts'

const TIME_KEY = utf8('time')

/** Writes down how far the queue's time has come, so that lifetimes go on counting after a power cut. */
export class TimeKeeper {
  readonly time: ElapsedTime
  readonly #database: Database
  readonly #room: Room
  readonly #clock: Clock
  readonly #isNeeded: () => boolean
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()

  /**
   * The time that an earlier run left, going on. A mark that is damaged is as good as none.
   * @param isNeeded whether there is anything that ages: else nothing is written
   */
  static async open(
    dependencies: ElapsedTimeDependencies & { database: Database; isNeeded: () => boolean },
  ): Promise<TimeKeeper> {
    const stored = await dependencies.database.room(ROOM.bundleState).get(TIME_KEY)
    return new TimeKeeper(dependencies, stored && readMark(stored))
  }

  private constructor(
    dependencies: ElapsedTimeDependencies & { database: Database; isNeeded: () => boolean },
    mark: TimeMark | undefined,
  ) {
    this.#database = dependencies.database
    this.#room = dependencies.database.room(ROOM.bundleState)
    this.#clock = dependencies.clock
    this.#isNeeded = dependencies.isNeeded
    this.time = new ElapsedTime(mark, dependencies)
    this.#schedule()
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    await this.#writing
    await this.#write().catch(() => {}) // A full disk: lifetimes last a little longer.
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(
      QUEUE_TIME_MARK_MS,
      () => {
        this.#schedule()
        if (this.#isNeeded()) this.#writing = this.#write().catch(() => {})
      },
      { unref: true },
    )
  }

  #write(): Promise<void> {
    return this.#database.commit([this.#room.put(TIME_KEY, encodeTimeMark(this.time.mark()))])
  }
}

function readMark(bytes: Uint8Array): TimeMark | undefined {
  try {
    return decodeTimeMark(bytes)
  } catch {
    return undefined
  }
}
