import { toHex, utf8 } from '../../core/index.ts'
import { MAX_PEERS_LOOKED_AT } from '../limits.ts'
import type { CaChange, CaFact } from './ca-store.ts'
import { decodePeer, type PeerAddresses } from './formats.ts'
import { decodeHeld } from './issued-format.ts'
import { type CaRooms, HOLDER_KINDS } from './level-rooms.ts'

/** Every fact: all of them are read when a CA is opened. */
const FACTS: Readonly<Record<CaFact, true>> = {
  root: true,
  settings: true,
  policy: true,
  authorities: true,
  approvals: true,
  recovery: true,
  revocations: true,
}

/** Certificate of an issuing CA. */
interface Issuing {
  readonly name: string
  readonly notAfterMs: number
  readonly revoked: boolean
}

/** What a CA looks up for every decision: its values, the issuing CAs under it, and some addresses of nodes. */
export class CaMemory {
  readonly #facts = new Map<CaFact, Uint8Array>()
  /** By serial number. */
  readonly #issuing = new Map<string, Issuing>()
  /** The one learned last at the end. */
  readonly #peers = new Map<string, PeerAddresses>()

  /** @throws CORE_STORE_READ, ENROLLMENT_CA_DAMAGED */
  static async load(rooms: CaRooms): Promise<CaMemory> {
    const memory = new CaMemory()
    await Promise.all([memory.#loadFacts(rooms), memory.#loadIssuing(rooms), memory.#loadPeers(rooms)])
    return memory
  }

  fact(name: CaFact): Uint8Array | undefined {
    return this.#facts.get(name)
  }

  /** Names of issuing CAs that have a certificate which is neither expired nor revoked. */
  liveIssuing(nowMs: number): Set<string> {
    const live = [...this.#issuing.values()].filter(({ revoked, notAfterMs }) => !revoked && notAfterMs >= nowMs)
    return new Set(live.map(({ name }) => name))
  }

  /** The most recently learned node first. */
  peerAddresses(exceptNodeId: string): string[] {
    const peers = [...this.#peers].filter(([nodeId]) => nodeId !== exceptNodeId)
    return peers.reverse().flatMap(([, { addresses }]) => addresses)
  }

  /** Takes in what was committed. */
  apply(changes: readonly CaChange[]): void {
    for (const change of changes) this.#apply(change)
  }

  #apply(change: CaChange): void {
    if (change.kind === 'fact') this.#setFact(change.name, change.value)
    if (change.kind === 'peer') this.#setPeer(change.nodeId, change.peer)
    if (change.kind === 'certificate' && change.issued.kind === 'issuing') {
      this.#setIssuing(change.issued, false)
    }
    if (change.kind === 'revocation' && change.revocation.kind === 'issuing') {
      this.#setIssuing(change.revocation, true)
    }
  }

  #setFact(name: CaFact, value: Uint8Array | undefined): void {
    if (value === undefined) this.#facts.delete(name)
    else this.#facts.set(name, value)
  }

  #setIssuing(issuing: Omit<Issuing, 'revoked'> & { readonly serialNumber: Uint8Array }, revoked: boolean): void {
    const { serialNumber, name, notAfterMs } = issuing
    this.#issuing.set(toHex(serialNumber), { name, notAfterMs, revoked })
  }

  #setPeer(nodeId: string, peer: PeerAddresses): void {
    this.#peers.delete(nodeId)
    this.#peers.set(nodeId, peer)
    const [oldest] = this.#peers.keys()
    if (this.#peers.size > MAX_PEERS_LOOKED_AT && oldest !== undefined) this.#peers.delete(oldest)
  }

  async #loadFacts({ facts }: CaRooms): Promise<void> {
    const names = Object.keys(FACTS) as CaFact[]
    const values = await facts.getMany(names.map(utf8))
    for (const [at, name] of names.entries()) this.#setFact(name, values[at])
  }

  async #loadIssuing({ holders }: CaRooms): Promise<void> {
    const kind = HOLDER_KINDS.indexOf('issuing')
    for await (const [key, value] of holders.entries({ gte: Uint8Array.of(kind), lt: Uint8Array.of(kind + 1) })) {
      const end = key.indexOf(0, 1)
      const held = decodeHeld(value, key.slice(end + 1))
      this.#setIssuing({ ...held, name: Buffer.from(key.subarray(1, end)).toString() }, held.revoked)
    }
  }

  async #loadPeers({ peers }: CaRooms): Promise<void> {
    const loaded: [string, PeerAddresses][] = []
    for await (const [key, value] of peers.entries({ limit: MAX_PEERS_LOOKED_AT })) {
      loaded.push([Buffer.from(key).toString(), decodePeer(value)])
    }
    loaded.sort(([, a], [, b]) => a.learnedAtMs - b.learnedAtMs)
    for (const [nodeId, peer] of loaded) this.#setPeer(nodeId, peer)
  }
}
