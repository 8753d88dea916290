/** How far a new certificate's notBefore lies in the past, so that members with a slow clock accept it at once. */
export const BACKDATE_MS = 5 * 60 * 1000

/** Lifetime of a node certificate unless told otherwise. */
export const DEFAULT_LEAF_LIFETIME_MS = 7 * 24 * 3600 * 1000

/** Lifetime of a root certificate unless told otherwise. */
export const DEFAULT_ROOT_LIFETIME_MS = 3653 * 24 * 3600 * 1000

/** Longest serial number, in bytes (RFC 5280 §4.1.2.2). */
export const MAX_SERIAL_BYTES = 20

/** Length of a serial number in bytes; its first bits are fixed, so 158 bits are random. */
export const SERIAL_NUMBER_BYTES = 20

/** Longest token, in characters: its form with the longest mesh name has 198. */
export const MAX_TOKEN_CHARACTERS = 256

/** Longest lifetime of a token. */
export const MAX_TOKEN_LIFETIME_MS = 30 * 24 * 3600 * 1000

/** Lifetime of a token unless told otherwise. */
export const DEFAULT_TOKEN_LIFETIME_MS = 24 * 3600 * 1000

/** How long a token is kept after it expired; longer than a certificate that it gave is valid. */
export const TOKEN_RETENTION_MS = 30 * 24 * 3600 * 1000

/** How often the CA looks for tokens to forget, when it makes new ones. */
export const TOKEN_PRUNE_INTERVAL_MS = 24 * 3600 * 1000

/** Most uses of one token. */
export const MAX_TOKEN_USES = 1000

/** Largest certificate request, in bytes of DER; one with ML-DSA-87 has about 7,800. */
export const MAX_CSR_BYTES = 12 * 1024

/** Most addresses that a node may give, or that an answer lists. */
export const MAX_ADDRESSES = 16

/** Longest address, in characters. */
export const MAX_ADDRESS_CHARACTERS = 256

/** Longest certificate request in a body, in characters: as PEM, with room for its lines. */
export const MAX_CSR_CHARACTERS = 17 * 1024

/** Longest evidence of a device in a body, in characters. */
export const MAX_ATTESTATION_CHARACTERS = 12 * 1024

/** Largest body of an enrolment request, in bytes. */
export const MAX_REQUEST_BYTES = 32 * 1024

/** Largest body of a request that sets the policy, in bytes: as many names as may be on it. */
export const MAX_POLICY_REQUEST_BYTES = 768 * 1024

/** Largest body of an answer, in bytes: three certificates in PEM and the settings. */
export const MAX_ANSWER_BYTES = 96 * 1024

/** Most decisions of a CA that are under way or wait for others. */
export const MAX_WAITING_REDEMPTIONS = 256

/** Most clients whose request rate is remembered; the least recent goes first. */
export const MAX_RATE_LIMITED_CLIENTS = 4096

/** Longest text of PEM that is read, in characters. */
export const MAX_PEM_CHARACTERS = 64 * 1024

/** Most nodes whose addresses the CA looks at for one answer. */
export const MAX_PEERS_LOOKED_AT = 256

/** Longest URL in an answer, in characters. */
export const MAX_URL_CHARACTERS = 512

/** Largest gossip fan-out. */
export const MAX_GOSSIP_FANOUT = 64

/** Most connections that the CA's server keeps open at once. */
export const MAX_CONNECTIONS = 256

/** Most of those connections from one address. */
export const MAX_CONNECTIONS_PER_ADDRESS = 32

/** Longest time for which a revocation list may be kept without asking again, in seconds. */
export const MAX_LIST_AGE_SECONDS = 300

/** Lifetime of the certificate of the CA's server; it is renewed at half of it. */
export const SERVER_LIFETIME_MS = 30 * 24 * 3600 * 1000

/** Most authorities whose word on a later time is remembered. */
export const MAX_TIME_WITNESSES = 8

/** Largest revocation list, in bytes of DER: some 140,000 entries with everything in them. */
export const MAX_CRL_BYTES = 16 * 1024 * 1024

/** Most entries of one revocation list, and of a list with the deltas that were applied to it. */
export const MAX_CRL_ENTRIES = 250_000

/** Most extensions of one entry of a revocation list. */
export const MAX_CRL_ENTRY_EXTENSIONS = 8

/** Longest CRL number, in bytes; its highest bit is zero (RFC 5280 §5.2.3). */
export const MAX_CRL_NUMBER_BYTES = 20

/** Farthest that a CRL number may lie above the one that is applied. */
export const MAX_CRL_STEP = 2 ** 20

/** Highest number of the first list of a CA that a node sees: room for 2^16 restores of the CA from a backup. */
export const MAX_FIRST_CRL_NUMBER = 2 ** 32

/** How far thisUpdate may lie in the future. */
export const MAX_CRL_SKEW_MS = 5 * 60 * 1000

/** Most deltas of one CA that wait for the list that comes before them. */
export const MAX_HELD_DELTAS = 8

/** Most bytes of DER of the deltas of one CA that wait. */
export const MAX_HELD_DELTA_BYTES = 4 * 1024 * 1024

/** Most deltas on top of one full list; further ones wait for the next full list. */
export const MAX_APPLIED_DELTAS = 64

/** Most CAs of one mesh whose revocation lists a node keeps. */
export const MAX_CRL_AUTHORITIES = 64

/** Bytes of a revocation list in one entry of the database. */
export const LIST_CHUNK_BYTES = 64 * 1024

/** Shortest lifetime of a node certificate. */
export const MIN_LEAF_LIFETIME_MS = 10_000

/** Longest lifetime of a node certificate. */
export const MAX_LEAF_LIFETIME_MS = 366 * 24 * 3600 * 1000

/** For how long after its end a certificate may be renewed, unless told otherwise. */
export const DEFAULT_GRACE_MS = 30 * 24 * 3600 * 1000

/** Longest time for which a policy may allow that. */
export const MAX_GRACE_MS = 366 * 24 * 3600 * 1000

/** How often one node may be renewed after the end of its certificate, unless told otherwise. */
export const DEFAULT_GRACE_COUNT = 3

/** Most often that a policy may allow. */
export const MAX_GRACE_COUNT = 1000

/** Most names on the list of nodes that may be members. */
export const MAX_ALLOWED_NODES = 10_000

/** Longest detail of an entry in the audit, in characters. */
export const MAX_AUDIT_DETAIL_CHARACTERS = 200

/** Most labels of a token, and so of a node. */
export const MAX_LABELS = 16

/** Longest label, in characters. */
export const MAX_LABEL_CHARACTERS = 63

/** Most authorities whose keys one CA holds: its root, and what came of changing it. */
export const MAX_OWN_AUTHORITIES = 8

/** Most approvals of a change of the root that are kept. */
export const MAX_ROOT_APPROVALS = 64

/** For how long an approval of a change of the root counts. */
export const ROOT_APPROVAL_MS = 7 * 24 * 3600 * 1000

/** Lifetime of an operator's certificate unless told otherwise. */
export const DEFAULT_OPERATOR_LIFETIME_MS = 90 * 24 * 3600 * 1000

/** Lifetime of an issuing CA's certificate. */
export const ISSUING_CA_LIFETIME_MS = 2 * 366 * 24 * 3600 * 1000

/** How long after its thisUpdate a full list says that the next one comes; it is issued anew at half of it. */
export const FULL_LIST_LIFETIME_MS = 7 * 24 * 3600 * 1000

/** The same of a delta. */
export const DELTA_LIST_LIFETIME_MS = 24 * 3600 * 1000

/** How long a revocation is listed after its certificate expired and could no longer be renewed. */
export const REVOCATION_SKEW_MS = 24 * 3600 * 1000

/** How far the CRL number jumps when the CA was restored from a backup: no lost list had so high a number. */
export const RESTORE_NUMBER_STEP = 2 ** 16

/** Most refusals per minute that the audit takes one by one; more are counted. */
export const MAX_REFUSALS_PER_MINUTE = 30

/** Pseudonym keys of past epochs that the CA keeps. */
export const KEPT_PSEUDONYM_EPOCHS = 8

/** Largest answer of a root to an issuing CA, in bytes: three certificates and the settings. */
export const MAX_ISSUING_FILE_BYTES = 96 * 1024
