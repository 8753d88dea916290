/** How far a new certificate's notBefore lies in the past, so that members with a slow clock accept it at once. */
export const BACKDATE_MS = 5 * 60 * 1000

/** Lifetime of a node certificate unless told otherwise. */
export const DEFAULT_LEAF_LIFETIME_MS = 7 * 24 * 3600 * 1000

/** Lifetime of a root certificate unless told otherwise. */
export const DEFAULT_ROOT_LIFETIME_MS = 3653 * 24 * 3600 * 1000

/** Length of a serial number in bytes; its first bits are fixed, so 158 bits are random. */
export const SERIAL_NUMBER_BYTES = 20

/** Longest token, in characters: its form with the longest mesh name has 198. */
export const MAX_TOKEN_CHARACTERS = 256

/** Longest lifetime of a token. */
export const MAX_TOKEN_LIFETIME_MS = 30 * 24 * 3600 * 1000

/** Lifetime of a token unless told otherwise. */
export const DEFAULT_TOKEN_LIFETIME_MS = 24 * 3600 * 1000

/** Most uses of one token. */
export const MAX_TOKEN_USES = 1000

/** Largest certificate request, in bytes of DER; one with ML-DSA-87 has about 7,800. */
export const MAX_CSR_BYTES = 12 * 1024

/** Most addresses that a node may give, or that an answer lists. */
export const MAX_ADDRESSES = 16

/** Longest address, in characters. */
export const MAX_ADDRESS_CHARACTERS = 256

/** Largest body of an enrolment request, in bytes. */
export const MAX_REQUEST_BYTES = 32 * 1024

/** Largest body of an answer, in bytes: three certificates in PEM and the settings. */
export const MAX_ANSWER_BYTES = 96 * 1024

/** Most redemptions that wait for the one being decided. */
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

/** Lifetime of the certificate of the CA's server; it is renewed at half of it. */
export const SERVER_LIFETIME_MS = 30 * 24 * 3600 * 1000
