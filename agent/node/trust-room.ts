import type { Logger } from '../../core/index.ts'
import { openListStore } from '../../enrollment/node/index.ts'
import type { AgentConfig } from '../config/index.ts'
import type { Foundation } from './foundation.ts'
import { type NodeHome, writeFacts } from './home.ts'
import { Pseudonyms } from './pseudonyms.ts'
import { RenewalMemory } from './renewal.ts'
import { RevocationDesk } from './revocation-desk.ts'
import { Revocations } from './revocations.ts'
import { MeshTrust, stalenessPolicies } from './trust.ts'

/** What a node knows of others: who is in the mesh, who no longer is, and under which key addresses are hashed. */
export interface TrustRoom {
  readonly revocations: Revocations
  readonly trust: MeshTrust
  readonly pseudonyms: Pseudonyms
  readonly desk: RevocationDesk
  readonly renewals: RenewalMemory
}

export interface TrustRoomDependencies extends Foundation {
  readonly logger: Logger
  readonly home: NodeHome
  readonly config: AgentConfig
  /** As {@link RevocationDesk} tells. */
  readonly onChange: (revoked: boolean) => void
}

/** A node that has never had a list should have had one this long after it was enrolled, in milliseconds. */
const FIRST_LIST_MS = 86_400_000

/**
 * Reads what earlier runs knew of the mesh.
 * @throws CORE_STORE_*, RECORDS_PATH_* when the chain of this node does not hold
 */
export async function openTrustRoom(dependencies: TrustRoomDependencies): Promise<TrustRoom> {
  const { identity, provider, database, clock, keys, membership, records, logger, home, config, onChange } =
    dependencies
  const { mesh, rootFingerprint } = identity
  const { root, certificate } = membership.current
  const revocations = new Revocations()
  const trust = new MeshTrust(
    {
      mesh,
      rootFingerprint,
      root,
      staleness: stalenessPolicies((role) => config[`crl.staleness.${role}`]),
      listsDueMs: (identity.enrolledAtMs ?? certificate.notBeforeMs) + FIRST_LIST_MS,
    },
    { provider, clock, records, revocations, onAuthority: () => onChange(false) },
  )
  const pseudonyms = new Pseudonyms(
    { epoch: identity.pseudonymEpoch, key: keys.pseudonymKey },
    {
      clock,
      logger,
      keystore: keys.keystore,
      revocations,
      keepEpoch: (pseudonymEpoch) => writeFacts(home, { ...identity, pseudonymEpoch }),
    },
  )
  const store = openListStore(database)
  const desk = new RevocationDesk({ ...dependencies, store, revocations, pseudonyms })
  await desk.load()
  await trust.load()
  await trust.learn(identity.chain)
  return { revocations, trust, pseudonyms, desk, renewals: await RenewalMemory.open(database) }
}
