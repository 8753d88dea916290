/** Largest record in bytes, COSE envelope included; checked before anything is decoded. */
export const MAX_RECORD_BYTES = 65_536

/** Longest serial number of a certificate in bytes (RFC 5280 §4.1.2.2). */
export const MAX_SERIAL_BYTES = 20

/** Latest time that a record may name: the end of the year 9999. */
export const MAX_TIME_MS = 253_402_300_799_999

/** Longest lifetime of a record or an anomaly signature: five years. Ledger types have none. */
export const MAX_LIFETIME_MS = 1_827 * 86_400_000

/** How far ahead of the verifier's clock a record may have been created. */
export const MAX_CREATION_AHEAD_MS = 5 * 60_000

/** Most anomaly signatures in one record. */
export const MAX_ANOMALY_SIGNATURES = 64

/** Longest rule id, in characters. */
export const MAX_INDICATOR_CHARACTERS = 128

/** Longest kind of an anomaly, in characters. */
export const MAX_KIND_CHARACTERS = 32

/** Highest risk score: per mille. */
export const MAX_SCORE = 1_000

/** Most events folded into one anomaly signature. */
export const MAX_EVENT_COUNT = 2 ** 32 - 1

/** Highest epoch of a pseudonym key. */
export const MAX_PSEUDONYM_EPOCH = 2 ** 32 - 1

/** Most refused ids that a node remembers; a new one takes the place of any other. */
export const MAX_REFUSED_IDS = 65_536

/** Longest time that an id is remembered as refused, whatever was asked for or is found on disk. */
export const MAX_REFUSAL_MS = 3_600_000

/** How long refusals wait for each other before they are written together. */
export const REFUSAL_WRITE_DELAY_MS = 5_000

/** Most refusals that one commit writes or removes; more follow after another delay, or at once at the end. */
export const REFUSAL_BATCH = 1_024

/**
 * Records of failed commits that are remembered to be removed from the disk, should they have reached it. One that is
 * forgotten there is a record like any other after a restart.
 */
export const MAX_STRAY_RECORDS = 1_024

/** How far the wall clock may get ahead of the time that has passed before nothing is removed by it any more. */
export const MAX_CLOCK_JUMP_MS = 3_600_000

/** How long a wall clock that got ahead so far is doubted: afterwards it is taken as it is. */
export const MAX_CLOCK_DOUBT_MS = 86_400_000

/** Most records that one expiry commit removes; more follow at once in the next. */
export const EXPIRY_BATCH = 512

/** Longest sleep before the next expiry is looked at again, so that a wall clock set forward is noticed. */
export const MAX_EXPIRY_SLEEP_MS = 3_600_000

/** Most parsed certificates that a store keeps in memory; the least recently used goes first. */
export const MAX_CACHED_CERTIFICATES = 1_024
