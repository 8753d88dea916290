/**
 * First byte of every key in a node's database: who owns the entry. Append-only; a retired number stays, commented.
 * The keys of a room sort within it as their bytes do.
 */
export const ROOM = {
  /** core: schema version and marks of a clean stop. */
  meta: 0x00,
  /** records: record id → record bytes with admission facts. */
  records: 0x10,
  /** records: [createdAtMs, id] → facts for queries. */
  recordsByTime: 0x11,
  /** records: [expiry, id] → creation time and size. */
  recordsByExpiry: 0x12,
  /** records: [origin, type] → highest sequence and newest creation time. */
  recordOrigins: 0x13,
  /** records: refused record id → reason and when to forget it. */
  recordsRefused: 0x14,
  /** records: certificate key (issuer key id, serial) → certificate DER. */
  certificates: 0x18,
  /** ledger: [origin, seq] → microblock bytes. */
  blocks: 0x20,
  /** ledger: microblock id → [origin, seq]. */
  blocksById: 0x21,
  /** ledger: payload hash → sealed payload. */
  payloads: 0x22,
  /** ledger: origin → head and count. */
  chainHeads: 0x23,
  /** ledger: [origin, seq, id] → second block seen at that place. */
  blockConflicts: 0x24,
  /** bundles: bundle id → bundle with its state. */
  bundles: 0x30,
  /** bundles: [priority, expiry, bundle id] → what the indexes say of a queued bundle. */
  bundlesByExpiry: 0x31,
  /** bundles: bundle id → expiry, and [expiry, bundle id]; remembered for a lifetime so that a duplicate is known. */
  bundlesSeen: 0x32,
  /** bundles: [hash of the destination's node, rank, order of arrival] → bundle id and expiry. */
  bundlesByDestination: 0x33,
  /** bundles: [retention constraint, rank, order of arrival] → bundle id and expiry. */
  bundlesWaiting: 0x34,
  /** bundles: [bundle id, peer hash] → nothing; the peer has the bundle. */
  bundlesGiven: 0x35,
  /** bundles: name → what the queue remembers of itself, such as the time it has reached. */
  bundleState: 0x36,
  /** agent: input name → read position. */
  readPositions: 0x40,
  /** agent: name → what a node remembers of itself, such as the time floor. */
  nodeState: 0x41,
  /** enrollment: name → the CA's root certificate, mesh settings. */
  caState: 0x50,
  /** enrollment: SHA-256 of a token's secret → terms and uses left. */
  caTokens: 0x51,
  /** enrollment: [token, identity key id] → serial number of the certificate it got. */
  caRedemptions: 0x52,
  /** enrollment: serial number → issued certificate with the facts of its issue. */
  caCertificates: 0x53,
  /** enrollment: node_id → identity key that owns it, last serial number. */
  caNames: 0x54,
  /** enrollment: sequence → what the CA did. */
  caAudit: 0x55,
  /** enrollment: node_id → addresses under which the node can be dialled. */
  caPeers: 0x56,
  /** enrollment: [what, authority key id, number of the chunk] → what the CA publishes: records, 64 KiB of a list. */
  caLists: 0x57,
  /** enrollment: [kind, name of the holder, serial number] → times of a certificate, and whether it is revoked. */
  caHolders: 0x58,
  /** enrollment: [identity key id, serial number] → nothing. */
  caKeys: 0x59,
  /** enrollment: sequence → a revocation that the CA lists. */
  caRevocations: 0x5a,
  /** enrollment: serial number → the revocation of that certificate. */
  caRevoked: 0x5b,
  /** enrollment: authority key id → highest applied CRL number, and which lists of this CA the node has applied or holds. */
  listStates: 0x60,
  /** enrollment: [SHA-256 of a revocation list, number of the chunk] → 64 KiB of its DER. */
  listChunks: 0x61,
} as const

export type RoomPrefix = (typeof ROOM)[keyof typeof ROOM]
