import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'

const CHUNK_BYTES = 1024 * 1024

/**
 * Space held back on the database's disk. Recovery after a full disk writes before it can read, so it needs room of
 * its own; the reserve gives it, and is filled again before anything else may be written.
 */
export class Reserve {
  readonly #file: string
  readonly #bytes: number
  #full = false

  /** @param bytes size; 0 holds nothing back */
  constructor(directory: string, bytes: number) {
    this.#file = join(directory, 'RESERVE')
    this.#bytes = bytes
  }

  async release(): Promise<void> {
    this.#full = false
    await rm(this.#file, { force: true })
  }

  /** Fills the reserve unless it is full. Fails when the disk has no room for it. */
  async fill(): Promise<void> {
    if (this.#full || this.#bytes === 0) return
    const handle = await open(this.#file, 'a', 0o600)
    try {
      let held = (await handle.stat()).size
      while (held < this.#bytes) {
        // Written, not truncated to size: a sparse file holds nothing back.
        const { bytesWritten } = await handle.write(new Uint8Array(Math.min(CHUNK_BYTES, this.#bytes - held)))
        held += bytesWritten
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    this.#full = true
  }
}
