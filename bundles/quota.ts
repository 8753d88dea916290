import { ALL_PRIORITIES, HIGHEST_PRIORITY, type Priority } from './codec/priority.ts'

/** Bundles and their bytes. */
export interface Load {
  readonly count: number
  readonly bytes: number
}

/** What a queue may hold. */
export interface QueueLimits {
  readonly maxBundles: number
  readonly maxBytes: number
  /** Per cent of both that control bundles alone may use. */
  readonly controlPercent: number
  /** Per cent of both that bundles of one peer may use, of each priority together with those above it. */
  readonly peerPercent: number
}

/** A bundle that asks for room, or that has some. */
export interface Occupant {
  readonly sizeBytes: number
  readonly priority: Priority
  /** Whom it came from; undefined when it was made here. */
  readonly peer: string | undefined
}

/** Why there is no room; `peer`: the peer's own share is used up. */
export type NoRoom = 'too-large' | 'peer' | 'full'

/** `evict`: there will be room once so much of lower priority has left. */
export type RoomDecision =
  | { readonly room: 'free' }
  | { readonly room: 'evict'; readonly needed: Load }
  | { readonly room: 'none'; readonly why: NoRoom }

const NOTHING: Load = { count: 0, bytes: 0 }

/** Counts what a queue holds, by priority and by peer. */
export class QueueLoad {
  readonly #all = new PriorityLoads()
  readonly #byPeer = new Map<string, PriorityLoads>()

  add({ sizeBytes, priority, peer }: Occupant): void {
    this.#all.change(priority, sizeBytes, 1)
    if (peer === undefined) return
    const loads = this.#byPeer.get(peer) ?? new PriorityLoads()
    this.#byPeer.set(peer, loads)
    loads.change(priority, sizeBytes, 1)
  }

  subtract({ sizeBytes, priority, peer }: Occupant): void {
    this.#all.change(priority, sizeBytes, -1)
    const loads = peer === undefined ? undefined : this.#byPeer.get(peer)
    if (peer === undefined || loads === undefined) return
    loads.change(priority, sizeBytes, -1)
    if (loads.from(0).count === 0) this.#byPeer.delete(peer)
  }

  get total(): Load {
    return this.#all.from(0)
  }

  of(priority: Priority): Load {
    return this.#all.of(priority)
  }

  /** Of all priorities below this one. */
  below(priority: Priority): Load {
    const [all, from] = [this.total, this.#all.from(priority)]
    return { count: all.count - from.count, bytes: all.bytes - from.bytes }
  }

  /** Of this priority and all above. */
  ofPeer(peer: string, priority: Priority): Load {
    return this.#byPeer.get(peer)?.from(priority) ?? NOTHING
  }

  clear(): void {
    this.#all.clear()
    this.#byPeer.clear()
  }
}

class PriorityLoads {
  readonly #counts = ALL_PRIORITIES.map(() => 0)
  readonly #bytes = ALL_PRIORITIES.map(() => 0)

  change(priority: Priority, bytes: number, sign: 1 | -1): void {
    this.#counts[priority] = (this.#counts[priority] ?? 0) + sign
    this.#bytes[priority] = (this.#bytes[priority] ?? 0) + sign * bytes
  }

  of(priority: Priority): Load {
    return { count: this.#counts[priority] ?? 0, bytes: this.#bytes[priority] ?? 0 }
  }

  from(priority: Priority): Load {
    const sum = (values: readonly number[]) => values.slice(priority).reduce((total, value) => total + value, 0)
    return { count: sum(this.#counts), bytes: sum(this.#bytes) }
  }

  clear(): void {
    this.#counts.fill(0)
    this.#bytes.fill(0)
  }
}

/**
 * Whether `newcomer` gets room, and what has to leave for it. Only what is of lower priority ever leaves; a peer's bulk
 * never stands in the way of its own urgent bundles; control bundles have a part of the queue to themselves.
 */
export function decideRoom(newcomer: Occupant, load: QueueLoad, limits: QueueLimits): RoomDecision {
  const { sizeBytes, priority, peer } = newcomer
  const own = capacityOf(priority, limits)
  if (sizeBytes > own.bytes) return { room: 'none', why: 'too-large' }
  if (peer !== undefined) {
    const share = percentOf(limits.peerPercent, limits)
    if (exceeds(load.ofPeer(peer, priority), sizeBytes, share)) return { room: 'none', why: 'peer' }
  }
  const others = priority === HIGHEST_PRIORITY ? load.total : load.below(HIGHEST_PRIORITY)
  const needed = largest(shortage(others, sizeBytes, own), shortage(load.total, sizeBytes, whole(limits)))
  if (needed.count === 0 && needed.bytes === 0) return { room: 'free' }
  const evictable = load.below(priority)
  const enough = evictable.count >= needed.count && evictable.bytes >= needed.bytes
  return enough ? { room: 'evict', needed } : { room: 'none', why: 'full' }
}

/**
 * The first of `candidates` (lowest priority first, soonest to expire first) that together give `needed`; undefined when
 * they do not, or when one that is not below `priority` would have to go.
 */
export async function chooseEvictions<Candidate extends Pick<Occupant, 'sizeBytes' | 'priority'>>(
  candidates: Iterable<Candidate> | AsyncIterable<Candidate>,
  { needed, priority }: { readonly needed: Load; readonly priority: Priority },
): Promise<Candidate[] | undefined> {
  const chosen: Candidate[] = []
  let bytes = 0
  for await (const candidate of candidates) {
    if (candidate.priority >= priority) return undefined
    chosen.push(candidate)
    bytes += candidate.sizeBytes
    if (chosen.length >= needed.count && bytes >= needed.bytes) return chosen
  }
  return undefined
}

function whole({ maxBundles, maxBytes }: QueueLimits): Load {
  return { count: maxBundles, bytes: maxBytes }
}

function percentOf(percent: number, { maxBundles, maxBytes }: QueueLimits): Load {
  return { count: Math.ceil((maxBundles * percent) / 100), bytes: Math.ceil((maxBytes * percent) / 100) }
}

function capacityOf(priority: Priority, limits: QueueLimits): Load {
  return priority === HIGHEST_PRIORITY ? whole(limits) : percentOf(100 - limits.controlPercent, limits)
}

function exceeds(load: Load, sizeBytes: number, cap: Load): boolean {
  return load.count + 1 > cap.count || load.bytes + sizeBytes > cap.bytes
}

function shortage(load: Load, sizeBytes: number, cap: Load): Load {
  return { count: Math.max(0, load.count + 1 - cap.count), bytes: Math.max(0, load.bytes + sizeBytes - cap.bytes) }
}

function largest(a: Load, b: Load): Load {
  return { count: Math.max(a.count, b.count), bytes: Math.max(a.bytes, b.bytes) }
}
