/** Names of a node's keys in its keystore. The mesh's pseudonym key is beside them, by epoch. */
export const NODE_KEYS = {
  /** ML-DSA signing key: the subject of the certificate. */
  identity: 'identity',
  /** Classical signing key of record signatures and admission. */
  device: 'device',
  /** Ed25519 signing key behind the PeerId. */
  overlay: 'overlay',
  /** 32-byte secret under which the node's store seals payloads. */
  store: 'store',
} as const

/** Name in a keystore of the mesh's pseudonym key of one epoch. */
export function pseudonymKeyName(epoch: number): string {
  return `pseudonym-${epoch}`
}

/** The epoch of {@link pseudonymKeyName}; undefined for any other name. */
export function pseudonymEpochOf(name: string): number | undefined {
  const digits = /^pseudonym-([0-9]{1,16})$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
