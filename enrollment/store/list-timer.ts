import type { Timer } from '../../core/index.ts'
import type { CaDependencies } from './ca-types.ts'
import type { ListDesk } from './list-desk.ts'
import type { CertificatePruner } from './pruner.ts'

/** Longest time between two looks: the wall clock may jump. */
const MAX_PAUSE_MS = 3_600_000
/** Time until the next look after one that failed. */
const RETRY_MS = 60_000

/** Certificates that ended long ago are looked for this often. */
const PRUNE_MS = 86_400_000

/** Has lists issued when they are due, and old certificates forgotten, while a CA runs as a server. */
export class ListTimer {
  readonly #desk: ListDesk
  readonly #pruner: CertificatePruner
  readonly #dependencies: Pick<CaDependencies, 'clock' | 'logger'>
  #timer: Timer | undefined
  #prunedAtMs = Number.NEGATIVE_INFINITY
  #running: Promise<void>
  #stopped = false

  constructor(
    { desk, pruner }: { desk: ListDesk; pruner: CertificatePruner },
    dependencies: Pick<CaDependencies, 'clock' | 'logger'>,
  ) {
    this.#desk = desk
    this.#pruner = pruner
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
      await this.#prune()
    } catch (error) {
      logger.error({ err: error }, 'revocation lists could not be issued')
    }
    if (this.#stopped) return
    this.#timer = clock.setTimer(pauseMs, () => this.#start(), { unref: true })
  }

  async #prune(): Promise<void> {
    const { clock, logger } = this.#dependencies
    if (clock.monotonic() < this.#prunedAtMs + PRUNE_MS) return
    this.#prunedAtMs = clock.monotonic()
    await this.#pruner.prune().catch((error) => logger.error({ err: error }, 'old certificates could not be forgotten'))
  }
}
