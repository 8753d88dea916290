import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '../../../core/index.ts'
import { syncDirectory } from '../../../core/store/index.ts'
import type { Contact, Handover, LinkEvents } from '../types.ts'
import { listBundleFiles, moveToRefused, readBundleFile, type SeenFile } from './files.ts'

export interface InboxOptions {
  readonly directory: string
  readonly pollMs: number
  readonly maxBundleBytes: number
}

export interface DirectoryDependencies {
  readonly clock: Clock
  readonly events: LinkEvents
  /** Told when a directory cannot be read or written; it is tried again. Default: nobody. */
  readonly onError?: (error: unknown) => void
}

/** Looks into a directory again and again, and hands on the bundles that it finds there. */
export class Inbox {
  readonly #options: InboxOptions
  readonly #dependencies: DirectoryDependencies
  readonly #contact: Contact
  #seen = new Map<string, string>()
  #timer: Timer | undefined
  #looking: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: InboxOptions, contact: Contact, dependencies: DirectoryDependencies) {
    this.#options = options
    this.#contact = contact
    this.#dependencies = dependencies
    this.#wait()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#looking
  }

  #wait(): void {
    this.#timer = this.#dependencies.clock.setTimer(this.#options.pollMs, () => {
      this.#looking = this.#look()
        .catch((error) => this.#dependencies.onError?.(error))
        .then(() => (this.#closed ? undefined : this.#wait()))
    })
  }

  /** Takes the files that are as they were at the last look; the others may still be written to. */
  async #look(): Promise<void> {
    const { directory } = this.#options
    const files = await listBundleFiles(directory)
    const steady = files.filter(({ name, state }) => this.#seen.get(name) === state)
    this.#seen = new Map(files.map(({ name, state }) => [name, state]))
    let removed = false
    for (const file of steady) {
      if (this.#closed) break
      removed = (await this.#take(file)) || removed
    }
    if (removed) await syncDirectory(directory)
  }

  /** True when the file was removed: only after it was said to be taken. */
  async #take(file: SeenFile): Promise<boolean> {
    const { directory } = this.#options
    const handover = await this.#hand(file)
    if (handover === undefined || (!handover.taken && handover.reason === 'no-resources')) return false
    if (!handover.taken && handover.reason === 'unacceptable') {
      await moveToRefused(directory, file.name, handover.reason)
      return false
    }
    await rm(join(directory, file.name), { force: true })
    return true
  }

  async #hand(file: SeenFile): Promise<Handover | undefined> {
    if (file.bytes === 0 || file.bytes > this.#options.maxBundleBytes) return { taken: false, reason: 'unacceptable' }
    const bytes = await readBundleFile(this.#options.directory, file)
    if (bytes === undefined) return undefined
    return this.#dependencies.events
      .received(bytes, this.#contact)
      .catch((): Handover => ({ taken: false, reason: 'no-resources' }))
  }
}
