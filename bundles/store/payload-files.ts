import { mkdir, opendir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHex, toHex } from '../../core/index.ts'
import { writeFileAtomically } from '../../core/store/index.ts'
import type { Sealer } from '../../crypto/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'

/** Name of a file: a bundle id. */
const NAME = /^[0-9a-f]{64}$/

/**
 * Bundles too large for LevelDB, each sealed in a file of its own named by its id. A file is on disk before the entry
 * that names it, and goes after it: what no entry names is removed when the queue opens.
 */
export class PayloadFiles {
  readonly #directory: string
  readonly #sealer: Sealer

  constructor({ directory, sealer }: { directory: string; sealer: Sealer }) {
    this.#directory = directory
    this.#sealer = sealer
  }

  /** Resolves when the file is durable. @throws CORE_STORE_WRITE's cause: the system's error */
  async write(id: Uint8Array, bytes: Uint8Array): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await writeFileAtomically(this.#path(id), this.#sealer.seal(bytes, id))
  }

  /** @throws BUNDLES_DAMAGED when the file is missing or does not open */
  async read(id: Uint8Array): Promise<Uint8Array> {
    try {
      return this.#sealer.open(await readFile(this.#path(id)), id)
    } catch (cause) {
      throw BUNDLES_ERRORS.create('BUNDLES_DAMAGED', { cause, detail: 'the file of a queued bundle does not open' })
    }
  }

  async remove(id: Uint8Array): Promise<void> {
    await rm(this.#path(id), { force: true })
  }

  /** Removes every file of which `isWanted` says no, and what an interrupted write left. */
  async sweep(isWanted: (id: Uint8Array) => Promise<boolean>): Promise<void> {
    for await (const name of this.#names()) {
      if (!NAME.test(name) || !(await isWanted(fromHex(name)))) await rm(join(this.#directory, name), { force: true })
    }
  }

  async *#names(): AsyncIterable<string> {
    try {
      for await (const { name } of await opendir(this.#directory)) yield name
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    }
  }

  #path(id: Uint8Array): string {
    return join(this.#directory, toHex(id))
  }
}
