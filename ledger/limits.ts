/** Longest microblock on the wire in bytes: 63-byte node id, largest numbers and a P-384 signature make 287. */
export const MAX_BLOCK_BYTES = 320

/**
 * Longest payload of a microblock in bytes. A larger one is refused: values of that size slow LevelDB's compaction
 * for everything else, so what needs more belongs into a file, and the payload names its hash.
 */
export const MAX_PAYLOAD_BYTES = 64 * 1024

/** Most events in one append. */
export const MAX_EVENTS_PER_APPEND = 256

/** Appends that may wait for their turn; one more is refused. */
export const MAX_WAITING_APPENDS = 64

/** Most blocks in one answer, received or read. */
export const MAX_BLOCKS_PER_ANSWER = 256

/** Chains of other nodes whose head is remembered. */
export const MAX_ORIGINS = 4096

/** Conflicting blocks kept per origin; two are proof enough, more only fill the disk. */
export const MAX_CONFLICTS_PER_ORIGIN = 16

/** Answers of verified batches that may wait to be stored; one more is refused. */
export const MAX_WAITING_ANSWERS = 64

/**
 * Ids of blocks of failed commits that are remembered to be cleared; what is forgotten stays as an index entry that no
 * look-up follows.
 */
export const MAX_STRAY_IDS = 1024

/** Problems listed by a check; the rest are only counted. */
export const MAX_PROBLEMS = 1000

/**
 * Blocks that the check at start walks back from the head. LevelDB drops batches of a damaged log silently, and two
 * logs of 4 MiB hold at most this many events of the smallest size (about 480 bytes with their index entries).
 */
export const QUICK_CHECK_BLOCKS = 17_500
