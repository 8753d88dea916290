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
 * Forgets certificates about which nothing can be asked any more: a node gets a hundred in a year, of 8 kB each. One goes when
 * its holder got another so much later that it had ended for good: a clock that is years ahead for a while costs nothing,
 * therefore, that is in use. Every revoked one stays, whose key must never be certified again.
 */
export class CertificatePruner {
  readonly #parts: Pick<CaParts, 'store' | 'dependencies'>

  constructor(parts: Pick<CaParts, 'store' | 'dependencies'>) {
    this.#parts = parts
  }

  /** @returns how many were forgotten */
  async prune(): Promise<number> {
    let forgotten = 0
    let batch: Uint8Array[] = []
    for (const kind of KINDS) {
      for await (const serialNumber of this.#useless(kind)) {
        batch.push(serialNumber)
        if (batch.length < BATCH) continue
        forgotten += await this.#forget(batch)
        batch = []
      }
    }
    forgotten += await this.#forget(batch)
    if (forgotten > 0)
      this.#parts.dependencies.logger.info({ forgotten }, 'certificates that ended long ago are forgotten')
    return forgotten
  }

  async *#useless(kind: HolderKind): AsyncIterable<Uint8Array> {
    const nowMs = this.#parts.dependencies.clock.now()
    let holder = ''
    let held: HeldCertificate[] = []
    for await (const { name, ...one } of this.#parts.store.heldCertificates(kind)) {
      if (name !== holder) {
        yield* uselessOf(held, nowMs)
        held = []
      }
      holder = name
      held.push(one)
    }
    yield* uselessOf(held, nowMs)
  }

  /** No certificate is revoked meanwhile. */
  async #forget(serialNumbers: readonly Uint8Array[]): Promise<number> {
    if (serialNumbers.length === 0) return 0
    const { store } = this.#parts
    return store.locked('all', async () => {
      const changes: CaChange[] = []
      for (const serialNumber of serialNumbers) {
        const issued = await store.certificate(serialNumber)
        const revoked = (await store.revocation(serialNumber)) !== undefined
        if (issued !== undefined && !revoked) changes.push({ kind: 'forget-certificate', issued })
      }
      await store.commit(changes, [])
      return changes.length
    })
  }
}

/** Serial numbers, among the certificates of one holder. */
function uselessOf(held: readonly HeldCertificate[], nowMs: number): Uint8Array[] {
  const latestMs = Math.max(...held.map(({ issuedAtMs }) => issuedAtMs))
  const isOver = ({ notAfterMs }: HeldCertificate) => forgottenAfterMs(notAfterMs) < Math.min(nowMs, latestMs)
  return held.filter((one) => !one.revoked && isOver(one)).map(({ serialNumber }) => serialNumber)
}
