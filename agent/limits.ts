/**
 * Longest sensor line (or element of a JSON array) in bytes; a longer one is skipped and counted. Suricata alerts with
 * payload, packet and HTTP body reach some tens of KiB.
 */
export const MAX_LINE_BYTES = 256 * 1024

/** Deepest nesting of a sensor's JSON; Suricata and Zeek stay below 10. */
export const MAX_JSON_DEPTH = 32

/** Longest text of a sensor's event that is kept in its payload, in bytes of UTF-8; the rest is cut off. */
export const MAX_EVENT_TEXT_BYTES = 1024

/** Longest rule name, in characters: with the longest prefix, `zeek:notice:`, it fills an indicator. */
export const MAX_RULE_NAME_CHARACTERS = 116

/** Bytes read from a followed file at once. */
export const READ_CHUNK_BYTES = 64 * 1024

/** Most bytes of `#` lines that are read again when a Zeek TSV file is resumed in its middle. */
export const MAX_TSV_HEADER_BYTES = 64 * 1024

/** Most columns of a Zeek TSV file. */
export const MAX_TSV_FIELDS = 256

/** Bytes at the beginning of a file by which it is known again; never more than were read. */
export const FINGERPRINT_BYTES = 1024

/** A shorter fingerprint identifies a file only together with its inode. */
export const MIN_LONE_FINGERPRINT_BYTES = 64

/** Longest stored read position, encoded. */
export const MAX_POSITION_BYTES = 512

/** Most rotated siblings of a followed file that are looked at. */
export const MAX_ROTATED_FILES = 64

/** Longest configuration file in bytes. */
export const MAX_CONFIG_BYTES = 256 * 1024

/** Most items of a list in the configuration. */
export const MAX_CONFIG_LIST = 64

/** Longest request on the control socket in bytes: a revocation list of 16 MiB in base64. */
export const MAX_CONTROL_REQUEST_BYTES = 24 * 1024 * 1024

/** Longest line of an answer on the control socket in bytes. */
export const MAX_CONTROL_RESPONSE_BYTES = 4 * 1024 * 1024

/** Most commands that talk to one agent at the same time. */
export const MAX_CONTROL_CONNECTIONS = 16

/** Most records that one command lists. */
export const MAX_LISTED_RECORDS = 10_000

/** Records that wait for one `record tail`; a command that falls further behind is cut off. */
export const MAX_TAIL_BACKLOG = 10_000

/** Longest note of an anomaly reported by hand, in characters. */
export const MAX_NOTE_CHARACTERS = 4096

/** Longest validity of an enrolment token, in milliseconds: 30 days. */
export const MAX_TOKEN_VALID_MS = 30 * 86_400_000

/** Longest passphrase or token in bytes. */
export const MAX_SECRET_BYTES = 4096

/** Most connections to the metrics page at the same time. */
export const MAX_METRICS_CONNECTIONS = 16

/** Most revocations ordered by operators that wait for a list to cover them. */
export const MAX_PROVISIONAL_REVOCATIONS = 4096

/** Pseudonym keys of past epochs that stay in the keystore, which has room for so many keys: each revocation brings another. */
export const MAX_PAST_PSEUDONYM_KEYS = 16

/** Longest payload that a command hands to the node as one bundle, in bytes. */
export const MAX_SENT_PAYLOAD_BYTES = 1024 * 1024

/** Longest lifetime of a bundle that is made here, in milliseconds: five years. */
export const MAX_BUNDLE_LIFETIME_MS = 1_827 * 86_400_000

/** Most bundles that one command lists. */
export const MAX_LISTED_BUNDLES = 10_000
