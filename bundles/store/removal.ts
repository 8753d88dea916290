import { type Operation, ROOM } from '../../core/store/index.ts'
import { COMPACT_AFTER_BYTES } from '../limits.ts'
import type { Indexed } from './entries.ts'
import { occupantOf, type QueueParts } from './parts.ts'

/** Takes bundles out of the queue, whose ids the caller holds, and gives their space back. */
export class Removal {
  readonly #parts: QueueParts
  readonly #onDoubt: () => void
  #removedBytes = 0
  #compacting: Promise<void> | undefined

  /** @param onDoubt called when a commit failed: it may have reached the disk, so only the disk knows what is there */
  constructor(parts: QueueParts, onDoubt: () => void) {
    this.#parts = parts
    this.#onDoubt = onDoubt
  }

  /**
   * Removes `gone`, together with `others`, in one commit.
   * @param remember whether they are known as seen until they expire; what was evicted may come again
   * @throws CORE_STORE_WRITE
   */
  async commit(gone: readonly Indexed[], remember: boolean, others: readonly Operation[] = []): Promise<void> {
    const { database, entries, files, load, onError } = this.#parts
    const removals = await Promise.all(gone.map((indexed) => entries.remove(indexed, remember)))
    try {
      await database.commit([...removals.flat(), ...others])
    } catch (error) {
      this.#onDoubt()
      throw error
    }
    for (const indexed of gone) {
      load.subtract(occupantOf(indexed))
      this.#removedBytes += indexed.entry.sizeBytes
    }
    // The entries are gone; a file that stays is swept away when the queue opens again.
    const inFiles = gone.filter(({ entry }) => entry.inFile)
    await Promise.all(inFiles.map(({ id }) => files?.remove(id).catch(onError)))
    if (this.#removedBytes >= COMPACT_AFTER_BYTES) this.#compact()
  }

  /** LevelDB gives the space of what was deleted back only when it compacts. */
  #compact(): void {
    if (this.#compacting !== undefined) return
    this.#removedBytes = 0
    this.#compacting = this.#parts.database
      .compact(ROOM.bundles, ROOM.bundleState)
      .catch(this.#parts.onError)
      .finally(() => {
        this.#compacting = undefined
      })
  }

  /** Waits for a compaction. */
  async close(): Promise<void> {
    await this.#compacting
  }
}
