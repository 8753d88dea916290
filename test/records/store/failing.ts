/** A real database whose next commits fail. */
import type { Database } from '../../../core/store/index.ts'

export interface FailingDatabase extends Database {
  /**
   * What the next commits do, in this order; then they work again. `lost`: nothing is written. `reached`: it is written,
   * and reported as failed all the same, as after an I/O error on sync.
   */
  readonly failures: ('lost' | 'reached')[]
  /** Commits asked for so far. */
  commits: number
}

export function failing(database: Database): FailingDatabase {
  return {
    failures: [],
    commits: 0,
    pendingCommits: 0,
    room: (prefix) => database.room(prefix),
    close: () => database.close(),
    compact: (from, to) => database.compact(from, to),
    async commit(operations) {
      this.commits += 1
      const failure = this.failures.shift()
      if (failure !== 'lost') await database.commit(operations)
      if (failure !== undefined) throw new Error(`the disk says no: ${failure}`)
    },
  }
}
