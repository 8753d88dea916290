import type { Timer } from '../../core/index.ts'
import type { CaDependencies } from './ca-types.ts'
import type { ListDesk } from './list-desk.ts'

/** Longest time between two looks: the wall clock may jump. */
const MAX_PAUSE_MS = 3_600_000
/** Time until the next look after one that failed. */
const RETRY_MS = 60_000

/** Has revocation lists issued when they are due, while a CA runs as a server. */
export class ListTimer {
  readonly #desk: ListDesk
  readonly #dependencies: Pick<CaDependencies, 'clock' | 'logger'>
  #timer: Timer | undefined
  #running: Promise<void>
  #stopped = false

  constructor(desk: ListDesk, dependencies: Pick<CaDependencies, 'clock' | 'logger'>) {
    this.#desk = desk
    this.#dependencies = dependencies
    this.#running = this.#run()
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#running
  }

  #start(): void {
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#dependencies
    let pauseMs = RETRY_MS
    try {
      await this.#desk.issue()
      const untilMs = (await this.#desk.nextIssueMs()) - clock.now()
      pauseMs = Math.min(Math.max(untilMs, 1000), MAX_PAUSE_MS)
    } catch (error) {
      logger.error({ err: error }, 'revocation lists could not be issued')
    }
    if (this.#stopped) return
    this.#timer = clock.setTimer(pauseMs, () => this.#start(), { unref: true })
  }
}
