/** Largest certificate that is looked at, in bytes. A node certificate with ML-DSA-87 and every extension has about 8,000. */
export const MAX_CERTIFICATE_BYTES = 16 * 1024

/** Most certificates in a path: leaf, two issuing CAs, root. */
export const MAX_CHAIN_LENGTH = 4

/** Most extensions in one certificate. */
export const MAX_EXTENSIONS = 24

/** Largest DER of a Name, in bytes. */
export const MAX_NAME_BYTES = 512

/** Most names in a subject alternative name or subtrees in a name constraint. */
export const MAX_GENERAL_NAMES = 8

/** Longest DNS name or URI, in characters. */
export const MAX_GENERAL_NAME_CHARACTERS = 255

/** Most roles in one certificate. */
export const MAX_ROLES = 8

/** Longest content of an object identifier, in bytes. */
export const MAX_OID_BYTES = 32

/** Most paths whose signatures a {@link PathCache} remembers. */
export const MAX_CACHED_PATHS = 1024

/** Largest SubjectPublicKeyInfo, in bytes; the one of ML-DSA-87 has 2,614. */
export const MAX_SPKI_BYTES = 4096
