import { forgottenAfterMs } from '../renewal.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaChange } from './ca-store.ts'
import type { HolderKind } from './ca-types.ts'
import type { HeldCertificate } from './issued-format.ts'

/** Certificates that are forgotten in one commit. */
const BATCH = 64

/** Kinds of certificates of which there come ever more. */
const KINDS: readonly HolderKind[] = ['node', 'operator']

/**
 * Forgets certificates about which nothing can be asked any more: a node gets a hundred in a year, of 8 kB each. The newest
 * of each holder stays, and so does every revoked one, whose key must never be certified again. A clock that is years
 * ahead for a while costs nothing, therefore, that is in use.
 */
export class CertificatePruner {
  readonly #parts: Pick<CaParts, 'store' | 'dependencies'>

  constructor(parts: Pick<CaParts, 'store' | 'dependencies'>) {
    this.#parts = parts
  }

  /** @returns how many were forgotten */
  async prune(): Promise<number> {
    let forgotten = 0
    for (const kind of KINDS) {
      const useless = await this.#useless(kind)
      for (let at = 0; at < useless.length; at += BATCH) {
        forgotten += await this.#forget(useless.slice(at, at + BATCH))
      }
    }
    if (forgotten > 0)
      this.#parts.dependencies.logger.info({ forgotten }, 'certificates that ended long ago are forgotten')
    return forgotten
  }

  /** Serial numbers: 20 bytes for each, of what came together since the last time. */
  async #useless(kind: HolderKind): Promise<Uint8Array[]> {
    const { store, dependencies } = this.#parts
    const nowMs = dependencies.clock.now()
    const useless: Uint8Array[] = []
    let holder: string | undefined
    let newest: HeldCertificate | undefined
    const judge = (one: HeldCertificate) => {
      if (!one.revoked && nowMs > forgottenAfterMs(one.notAfterMs)) useless.push(one.serialNumber)
    }
    for await (const { name, ...held } of store.heldCertificates(kind)) {
      if (name !== holder) newest = undefined
      holder = name
      const [older, later] =
        newest === undefined || newest.notAfterMs <= held.notAfterMs ? [newest, held] : [held, newest]
      if (older !== undefined) judge(older)
      newest = later
    }
    return useless
  }

  async #forget(serialNumbers: readonly Uint8Array[]): Promise<number> {
    const { store } = this.#parts
    const changes: CaChange[] = []
    for (const serialNumber of serialNumbers) {
      const issued = await store.certificate(serialNumber)
      const revoked = (await store.revocation(serialNumber)) !== undefined
      if (issued !== undefined && !revoked) changes.push({ kind: 'forget-certificate', issued })
    }
    await store.commit(changes, [])
    return changes.length
  }
}
