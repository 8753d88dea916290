import { concatBytes, uintBytes, uintFromBytes, utf8 } from '../../core/index.ts'
import { type Database, type Operation, ROOM, type Room } from '../../core/store/index.ts'
import { MAX_PEERS_LOOKED_AT } from '../limits.ts'
import type { TokenState } from '../redemption.ts'
import {
  type AuditEntry,
  type CaSettings,
  decodeAudit,
  decodeIssued,
  decodeNameOwner,
  decodePeer,
  decodeSettings,
  decodeTokenState,
  encodeAudit,
  encodeIssued,
  encodeNameOwner,
  encodePeer,
  encodeSettings,
  encodeTokenState,
  type IssuedCertificate,
  type NameOwner,
  type PeerAddresses,
} from './formats.ts'

const ROOT_KEY = utf8('root')
const SETTINGS_KEY = utf8('settings')

/** How many tokens there are, by state. */
export interface TokenCounts {
  readonly open: number
  readonly used: number
  readonly expired: number
}

/** The CA's database by what is in it: reads are typed, writes are operations for one commit. */
export class CaState {
  readonly #database: Database
  readonly #state: Room
  readonly #tokens: Room
  readonly #redemptions: Room
  readonly #certificates: Room
  readonly #names: Room
  readonly #audit: Room
  readonly #peers: Room
  #auditSequence: number

  /** The state in an open database. */
  static async load(database: Database): Promise<CaState> {
    for await (const key of database.room(ROOM.caAudit).keys({ reverse: true, limit: 1 })) {
      return new CaState(database, uintFromBytes(key) + 1)
    }
    return new CaState(database, 1)
  }

  private constructor(database: Database, auditSequence: number) {
    this.#database = database
    this.#auditSequence = auditSequence
    this.#state = database.room(ROOM.caState)
    this.#tokens = database.room(ROOM.caTokens)
    this.#redemptions = database.room(ROOM.caRedemptions)
    this.#certificates = database.room(ROOM.caCertificates)
    this.#names = database.room(ROOM.caNames)
    this.#audit = database.room(ROOM.caAudit)
    this.#peers = database.room(ROOM.caPeers)
  }

  /** Writes all or nothing, synced. */
  commit(operations: readonly Operation[]): Promise<void> {
    return this.#database.commit(operations)
  }

  /** DER of the root certificate; undefined before the CA was made. */
  root(): Promise<Uint8Array | undefined> {
    return this.#state.get(ROOT_KEY)
  }

  async settings(): Promise<CaSettings | undefined> {
    return read(await this.#state.get(SETTINGS_KEY), decodeSettings)
  }

  putFoundation(root: Uint8Array, settings: CaSettings): Operation[] {
    return [this.#state.put(ROOT_KEY, root), this.#state.put(SETTINGS_KEY, encodeSettings(settings))]
  }

  async token(tokenId: Uint8Array): Promise<TokenState | undefined> {
    return read(await this.#tokens.get(tokenId), decodeTokenState)
  }

  putToken(tokenId: Uint8Array, token: TokenState): Operation {
    return this.#tokens.put(tokenId, encodeTokenState(token))
  }

  async countTokens(nowMs: number): Promise<TokenCounts> {
    const counts = { open: 0, used: 0, expired: 0 }
    for await (const [, value] of this.#tokens.entries()) {
      const { used, uses, expiresAtMs } = decodeTokenState(value)
      counts[used >= uses ? 'used' : nowMs >= expiresAtMs ? 'expired' : 'open'] += 1
    }
    return counts
  }

  /** Serial number of the certificate that a key got for a token. */
  redemption(tokenId: Uint8Array, identityKeyId: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#redemptions.get(concatBytes(tokenId, identityKeyId))
  }

  putRedemption(tokenId: Uint8Array, identityKeyId: Uint8Array, serialNumber: Uint8Array): Operation {
    return this.#redemptions.put(concatBytes(tokenId, identityKeyId), serialNumber)
  }

  async certificate(serialNumber: Uint8Array): Promise<IssuedCertificate | undefined> {
    return read(await this.#certificates.get(serialNumber), decodeIssued)
  }

  putCertificate(serialNumber: Uint8Array, issued: IssuedCertificate): Operation {
    return this.#certificates.put(serialNumber, encodeIssued(issued))
  }

  async countCertificates(): Promise<number> {
    let count = 0
    for await (const _ of this.#certificates.keys()) count += 1
    return count
  }

  async nameOwner(nodeId: string): Promise<NameOwner | undefined> {
    return read(await this.#names.get(utf8(nodeId)), decodeNameOwner)
  }

  putNameOwner(nodeId: string, owner: NameOwner): Operation {
    return this.#names.put(utf8(nodeId), encodeNameOwner(owner))
  }

  /** Addresses of nodes other than `exceptNodeId`, the most recently learned node first; in a large mesh, of some. */
  async peerAddresses(exceptNodeId: string): Promise<string[]> {
    const peers: PeerAddresses[] = []
    for await (const [key, value] of this.#peers.entries({ limit: MAX_PEERS_LOOKED_AT })) {
      if (Buffer.from(key).toString() !== exceptNodeId) peers.push(decodePeer(value))
    }
    return peers.sort((a, b) => b.learnedAtMs - a.learnedAtMs).flatMap(({ addresses }) => addresses)
  }

  putPeer(nodeId: string, peer: PeerAddresses): Operation {
    return this.#peers.put(utf8(nodeId), encodePeer(peer))
  }

  /** Adds to the audit; entries keep the order in which this is called. */
  addAudit(entry: AuditEntry): Operation {
    const key = uintBytes(this.#auditSequence)
    this.#auditSequence += 1
    return this.#audit.put(key, encodeAudit(entry))
  }

  /** What the CA did, newest first. */
  async *audit(): AsyncIterable<AuditEntry> {
    for await (const [, value] of this.#audit.entries({ reverse: true })) yield decodeAudit(value)
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}

function read<T>(bytes: Uint8Array | undefined, decode: (bytes: Uint8Array) => T): T | undefined {
  return bytes === undefined ? undefined : decode(bytes)
}
