import { MIN_LONE_FINGERPRINT_BYTES } from '../limits.ts'
import type { FilePosition } from './position.ts'

/** A file that may hold part of a followed log: the log itself or one it was rotated to. */
export interface Candidate {
  readonly path: string
  /** True for the file at the followed path. */
  readonly current: boolean
  readonly inode: string
  readonly size: number
  /** Nanoseconds since the Unix epoch. */
  readonly modifiedNs: bigint
  /** True when it begins as the file of the stored position did. */
  readonly headMatches: boolean
}

/** A file to read, from `offset` to its end. */
export interface Source {
  readonly path: string
  readonly current: boolean
  readonly inode: string
  readonly offset: number
}

export interface SourcePlan {
  /** In order; the followed file last, when it is there. */
  readonly sources: readonly Source[]
  /** True when the file of the position is gone with whatever was unread in it. */
  readonly possiblyMissed: boolean
}

/**
 * Decides what to read after `position`: the rest of its file wherever that lies now (renamed, or copied before the
 * original was truncated), then files rotated away since, oldest first, then the file that is there now.
 */
export function planSources(position: FilePosition, candidates: readonly Candidate[]): SourcePlan {
  const current = candidates.filter((candidate) => candidate.current)
  const found = findFile(position, candidates)
  if (found === undefined)
    return { sources: current.map((file) => source(file, 0)), possiblyMissed: position.offset > 0 }
  const rest = source(found, position.offset)
  if (found.current) return { sources: [rest], possiblyMissed: false }
  const newer = candidates
    .filter((file) => !file.current && file !== found && file.modifiedNs > found.modifiedNs)
    .sort((a, b) => (a.modifiedNs < b.modifiedNs ? -1 : 1))
  return { sources: [rest, ...[...newer, ...current].map((file) => source(file, 0))], possiblyMissed: false }
}

function findFile(position: FilePosition, candidates: readonly Candidate[]): Candidate | undefined {
  const matching = candidates.filter((file) => file.headMatches && file.size >= position.offset)
  const same = matching.find((file) => file.inode === position.inode)
  if (same !== undefined || position.fingerprintBytes < MIN_LONE_FINGERPRINT_BYTES) return same
  return matching.find((file) => file.current) ?? matching[0]
}

function source(file: Candidate, offset: number): Source {
  return { path: file.path, current: file.current, inode: file.inode, offset }
}

const COMPRESSED = /\.(?:gz|bz2|xz|zst|lz4|zip|Z)$/

/** True when `name` is what a rotator would call an older piece of `base`: `eve.json.1`, `eve.json-20260101`, `notice.2026-01-01.log`. */
export function isRotatedName(base: string, name: string): boolean {
  if (COMPRESSED.test(name)) return false
  const dot = base.lastIndexOf('.')
  const stem = dot > 0 ? base.slice(0, dot) : base
  return [base, stem].some((prefix) => name.startsWith(prefix) && /^[.-]\d[\w.:-]*$/.test(name.slice(prefix.length)))
}
