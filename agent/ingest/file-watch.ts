import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Clock } from '../../core/index.ts'
import { Wake } from './wake.ts'

export interface FileWatchOptions {
  path: string
  /** Longest wait when the system reports no change (network file systems report none). */
  pollMs: number
}

/** Wakes a reader when something happened to a file or its name, by notification where there is any and by polling. */
export class FileWatch {
  readonly #options: FileWatchOptions
  readonly #wake: Wake
  #watcher: FSWatcher | undefined

  constructor(options: FileWatchOptions, dependencies: { clock: Clock }) {
    this.#options = options
    this.#wake = new Wake(dependencies)
  }

  /** Resolves at the next change, after the polling interval, or when `signal` aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    this.#watcher ??= this.#open()
    await this.#wake.wait({ timeoutMs: this.#options.pollMs, signal })
  }

  close(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }

  /** Watches the directory, for a watched file is lost from sight when it is renamed. */
  #open(): FSWatcher | undefined {
    const name = basename(this.#options.path)
    try {
      const watcher = watch(dirname(this.#options.path), { persistent: false }, (_event, changed) => {
        if (changed === null || changed === name) this.#wake.notify()
      })
      // Polling goes on meanwhile; the next wait tries to watch again.
      watcher.on('error', () => this.close())
      return watcher
    } catch {
      return undefined
    }
  }
}
