import { stat } from 'node:fs/promises'
import { checkOptionKeys, checkWholeNumber } from '../../../core/index.ts'
import { type EndpointId, NULL_ENDPOINT } from '../../codec/index.ts'
import { BUNDLES_ERRORS } from '../../errors.ts'
import { MAX_BUNDLE_BYTES } from '../../limits.ts'
import { parseDestination } from '../address.ts'
import type { Contact, ConvergenceLayer, Handover } from '../types.ts'
import { writeBundleFile } from './files.ts'
import { type DirectoryDependencies, Inbox } from './inbox.ts'

export interface DirectoryOptions {
  /** Directories to take bundles from. Default: none. */
  readonly inboxes?: readonly string[]
  /** Time between two looks, in milliseconds. Default 2,000. */
  readonly pollMs?: number
  /** Longest bundle either way, in bytes. Default and most MAX_BUNDLE_BYTES. */
  readonly maxBundleBytes?: number
}

const DAY_MS = 24 * 3_600_000

/**
 * Bundles as files, `HASH.bundle` each, for drives and shares that are carried or mounted. Not authenticated; whether
 * somebody takes them is not known. A file must look the same twice before it is taken, so that one that is being
 * written is not.
 * @throws BUNDLES_LINK_FAILED when an inbox is not a directory
 */
export async function startDirectories(
  options: DirectoryOptions,
  dependencies: DirectoryDependencies,
): Promise<ConvergenceLayer> {
  checkOptionKeys('bundle directories', options, ['inboxes', 'pollMs', 'maxBundleBytes'])
  const { inboxes = [], pollMs = 2000, maxBundleBytes = MAX_BUNDLE_BYTES } = options
  checkWholeNumber('pollMs', pollMs, { min: 1, max: DAY_MS })
  checkWholeNumber('maxBundleBytes', maxBundleBytes, { min: 1, max: MAX_BUNDLE_BYTES })
  for (const inbox of inboxes) await checkDirectory(inbox)
  return new Layer({ inboxes, pollMs, maxBundleBytes }, dependencies)
}

class Layer implements ConvergenceLayer {
  readonly name = 'directory'
  readonly listening: readonly string[]
  readonly #dependencies: DirectoryDependencies
  readonly #maxBundleBytes: number
  readonly #inboxes: Inbox[] = []
  readonly #contacts = new Set<DirectoryContact>()

  constructor(options: Required<DirectoryOptions>, dependencies: DirectoryDependencies) {
    const { inboxes, pollMs, maxBundleBytes } = options
    this.listening = inboxes
    this.#dependencies = dependencies
    this.#maxBundleBytes = maxBundleBytes
    for (const directory of inboxes) {
      const contact = this.#open(new DirectoryContact(undefined, NULL_ENDPOINT, 0))
      this.#inboxes.push(new Inbox({ directory, pollMs, maxBundleBytes }, contact, dependencies))
    }
  }

  async connect(address: string): Promise<Contact> {
    const { place, endpoint } = parseDestination(address)
    await checkDirectory(place)
    return this.#open(new DirectoryContact(place, endpoint ?? NULL_ENDPOINT, this.#maxBundleBytes))
  }

  async close(): Promise<void> {
    await Promise.all(this.#inboxes.map((inbox) => inbox.close()))
    await Promise.all([...this.#contacts].map((contact) => contact.close()))
  }

  #open(contact: DirectoryContact): DirectoryContact {
    this.#contacts.add(contact)
    contact.onClosed = () => {
      if (this.#contacts.delete(contact)) this.#dependencies.events.closed(contact)
    }
    this.#dependencies.events.opened(contact)
    return contact
  }
}

/** A directory that files are written to; without one, only the name of where they came from. */
class DirectoryContact implements Contact {
  readonly layer = 'directory'
  readonly peer: EndpointId
  readonly authenticated = false
  readonly confirmed = false
  readonly maxBundleBytes: number
  onClosed: () => void = () => undefined
  readonly #directory: string | undefined
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(directory: string | undefined, peer: EndpointId, maxBundleBytes: number) {
    this.#directory = directory
    this.peer = peer
    this.maxBundleBytes = maxBundleBytes
  }

  /** One file after another. */
  async send(bytes: Uint8Array): Promise<Handover> {
    const directory = this.#directory
    if (directory === undefined) throw BUNDLES_ERRORS.create('BUNDLES_LINK_ONE_WAY')
    if (this.#closed) throw BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED')
    if (bytes.length === 0 || bytes.length > this.maxBundleBytes) return { taken: false, reason: 'unacceptable' }
    const written = this.#last.then(() => writeBundleFile(directory, bytes))
    this.#last = written.catch(() => undefined)
    return written.then(
      () => ({ taken: true }),
      (cause) => {
        // The drive was pulled out, or is full: neither says anything about the bundle.
        if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') return { taken: false, reason: 'no-resources' }
        void this.close()
        throw BUNDLES_ERRORS.create('BUNDLES_LINK_CLOSED', { cause })
      },
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#last
    this.onClosed()
  }
}

async function checkDirectory(path: string): Promise<void> {
  const stats = await stat(path).catch(() => undefined)
  if (stats?.isDirectory() !== true) throw BUNDLES_ERRORS.create('BUNDLES_LINK_FAILED')
}
