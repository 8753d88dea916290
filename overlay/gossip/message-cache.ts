import type { RPC } from '@libp2p/gossipsub/message'

export interface MessageCacheOptions {
  /** Heartbeats during which a message is kept. */
  readonly heartbeats: number
  /** Heartbeats during which its id is offered to peers outside the mesh. */
  readonly offeredHeartbeats: number
  /** Most bytes of messages kept. */
  readonly maxBytes: number
  /** Most ids offered per heartbeat. */
  readonly maxOffers: number
  /** Most bytes sent to one peer per heartbeat in answer to its requests. */
  readonly maxAnswerBytes: number
}

interface Entry {
  readonly message: RPC.Message
  readonly bytes: number
  readonly msgId: Uint8Array
  validated: boolean
  originatingPeers: Set<string>
  readonly asked: Map<string, number>
}

interface MessageId {
  readonly msgId: Uint8Array
  readonly msgIdStr: string
}

/**
 * Replaces gossipsub's own message cache, which has three holes in this use: it keeps any number of bytes, it answers a
 * request for 5,000 messages in one RPC (beyond every inbound cap, which silently removes the sender), and it forwards
 * whatever a peer put into the unused `from` field. Insertion order is age, so that a Map is all it needs.
 */
export class BoundedMessageCache {
  readonly #options: MessageCacheOptions
  readonly #entries = new Map<string, Entry>()
  /** Ids by heartbeat, newest first. */
  #history: string[][]
  #answered = new Map<string, number>()
  #bytes = 0

  constructor(options: MessageCacheOptions) {
    this.#options = options
    this.#history = Array.from({ length: options.heartbeats }, () => [])
  }

  get size(): number {
    return this.#entries.size
  }

  /** Read by gossipsub when a peer says that it does not want a message. */
  get msgs(): { has(msgIdStr: string): boolean } {
    return this.#entries
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Read by gossipsub's metrics. */
  get notValidatedCount(): number {
    let count = 0
    for (const entry of this.#entries.values()) if (!entry.validated) count += 1
    return count
  }

  /** False once a message has left: a verdict on it now would forward nothing. */
  has(msgIdStr: string): boolean {
    return this.#entries.has(msgIdStr)
  }

  put(id: MessageId, message: RPC.Message, validated = false): boolean {
    if (this.#entries.has(id.msgIdStr)) return false
    const bytes = message.data?.length ?? 0
    const bare: RPC.Message = { topic: message.topic, ...(message.data === undefined ? {} : { data: message.data }) }
    this.#entries.set(id.msgIdStr, {
      message: bare,
      bytes,
      msgId: id.msgId,
      validated,
      originatingPeers: new Set(),
      asked: new Map(),
    })
    this.#history[0]?.push(id.msgIdStr)
    this.#bytes += bytes
    this.#makeRoom()
    return true
  }

  observeDuplicate(msgIdStr: string, from: string): void {
    const entry = this.#entries.get(msgIdStr)
    if (entry !== undefined && !entry.validated) entry.originatingPeers.add(from)
  }

  /** What a peer asked for, unless it has had its bytes for this heartbeat. */
  getWithIWantCount(msgIdStr: string, peer: string): { msg: RPC.Message; count: number } | null {
    const entry = this.#entries.get(msgIdStr)
    if (entry === undefined || !entry.validated) return null
    const answered = (this.#answered.get(peer) ?? 0) + entry.bytes
    if (answered > this.#options.maxAnswerBytes) return null
    this.#answered.set(peer, answered)
    const count = (entry.asked.get(peer) ?? 0) + 1
    entry.asked.set(peer, count)
    return { msg: entry.message, count }
  }

  /** Ids to offer per topic, newest first, at most `maxOffers` in all. */
  getGossipIDs(topics: Set<string>): Map<string, Uint8Array[]> {
    const offered = new Map<string, Uint8Array[]>()
    let left = this.#options.maxOffers
    for (const msgIdStr of this.#history.slice(0, this.#options.offeredHeartbeats).flat()) {
      const entry = this.#entries.get(msgIdStr)
      if (entry === undefined || !entry.validated || !topics.has(entry.message.topic)) continue
      if (left-- <= 0) break
      const ids = offered.get(entry.message.topic) ?? []
      ids.push(entry.msgId)
      offered.set(entry.message.topic, ids)
    }
    return offered
  }

  validate(msgIdStr: string): { message: RPC.Message; originatingPeers: Set<string> } | null {
    const entry = this.#entries.get(msgIdStr)
    if (entry === undefined) return null
    entry.validated = true
    const { message, originatingPeers } = entry
    entry.originatingPeers = new Set()
    return { message, originatingPeers }
  }

  /** Called once per heartbeat. */
  shift(): void {
    for (const msgIdStr of this.#history.at(-1) ?? []) this.#delete(msgIdStr)
    this.#history = [[], ...this.#history.slice(0, -1)]
    this.#answered = new Map()
  }

  remove(msgIdStr: string): { message: RPC.Message; originatingPeers: Set<string> } | null {
    const entry = this.#entries.get(msgIdStr)
    this.#delete(msgIdStr)
    return entry ?? null
  }

  #makeRoom(): void {
    for (const msgIdStr of this.#entries.keys()) {
      if (this.#bytes <= this.#options.maxBytes) return
      this.#delete(msgIdStr)
    }
  }

  #delete(msgIdStr: string): void {
    this.#bytes -= this.#entries.get(msgIdStr)?.bytes ?? 0
    this.#entries.delete(msgIdStr)
  }
}
