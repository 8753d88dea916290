/**
 * How urgent a bundle is, by number on the wire and in keys (append-only): the higher, the sooner it leaves and the later
 * it is evicted. RFC 9171 has no classes of its own; the number travels in the handling block.
 */
export const PRIORITIES = { bulk: 0, normal: 1, urgent: 2, control: 3 } as const

export type PriorityName = keyof typeof PRIORITIES

/** Number of a {@link PriorityName}. */
export type Priority = (typeof PRIORITIES)[PriorityName]

/** Every priority, lowest first. */
export const ALL_PRIORITIES: readonly Priority[] = Object.values(PRIORITIES)

/** Revocations, directives and what else keeps a mesh alive: part of the queue is theirs alone. */
export const HIGHEST_PRIORITY: Priority = PRIORITIES.control

/** The name of a priority. */
export function priorityName(priority: Priority): PriorityName {
  const [name] = Object.entries(PRIORITIES).find(([, number]) => number === priority) ?? ['normal']
  return name as PriorityName
}
