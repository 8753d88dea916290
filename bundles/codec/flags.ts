/** True when `flags` has any bit of `mask`. Flags may be wider than 32 bits, masks here never are. */
export function hasFlag(flags: number, mask: number): boolean {
  return (flags & mask) !== 0
}

/** Bundle processing control flags (RFC 9171 §4.2.3). Unknown bits are kept and mean nothing. */
export const BUNDLE_FLAGS = {
  isFragment: 0x1,
  administrativeRecord: 0x2,
  mustNotFragment: 0x4,
  acknowledgementRequested: 0x20,
  statusTimeRequested: 0x40,
  reportReception: 0x4000,
  reportForwarding: 0x10000,
  reportDelivery: 0x20000,
  reportDeletion: 0x40000,
} as const

/** Block processing control flags (RFC 9171 §4.2.4). Unknown bits are kept and mean nothing. */
export const BLOCK_FLAGS = {
  replicateInFragments: 0x1,
  reportIfUnprocessable: 0x2,
  deleteBundleIfUnprocessable: 0x4,
  discardIfUnprocessable: 0x10,
} as const

/** Names of the flags set in `flags`, as `names` calls them; what has no name is left out. */
export function flagNames(flags: number, names: Readonly<Record<string, number>>): string[] {
  return Object.keys(names).filter((name) => hasFlag(flags, names[name] ?? 0))
}
