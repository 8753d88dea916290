import type { Clock, Logger, RandomSource } from '../../core/index.ts'
import { type Database, openDatabase, RESERVE_BYTES } from '../../core/store/index.ts'
import { createNativeProvider, type SignatureProvider } from '../../crypto/index.ts'
import type { KeystoreUnlock } from '../../crypto/store/index.ts'
import { parseChain } from '../../records/path/index.ts'
import { openRecordStore, type RecordStore } from '../../records/store/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { RELEASED_AT_MS } from '../version.ts'
import { NodeClock } from './clock.ts'
import { type NodeHome, type NodeIdentity, readIdentity } from './home.ts'
import { type NodeKeys, openNodeKeys } from './keys.ts'
import { credentialsOf, Membership } from './membership.ts'

/** What of a node is opened before it knows anybody else. */
export interface Foundation {
  readonly identity: NodeIdentity
  readonly provider: SignatureProvider
  readonly database: Database
  /** The node's: everything above uses this one. */
  readonly clock: NodeClock
  readonly keys: NodeKeys
  readonly membership: Membership
  readonly records: RecordStore
}

export interface FoundationDependencies {
  /** The machine's. */
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  /** Takes what has to be called at the end, in reverse order. */
  readonly onOpened: (close: () => Promise<void>) => void
}

/**
 * Opens database, clock, keystore and records of a home.
 * @throws AGENT_HOME_*, CRYPTO_KEYSTORE_*, CORE_STORE_*, RECORDS_CERT_*
 */
export async function openFoundation(
  { home, unlock }: { readonly home: NodeHome; readonly unlock: KeystoreUnlock },
  { clock: machine, random, logger, onOpened }: FoundationDependencies,
): Promise<Foundation> {
  const provider = createNativeProvider()
  const identity = await readIdentity(home)
  const [certificate] = parseChain(identity.chain)
  if (certificate === undefined) throw AGENT_ERRORS.create('AGENT_HOME_BROKEN')
  const database = await openDatabase(home.database, { reserveBytes: RESERVE_BYTES })
  onOpened(() => database.close())
  const clock = await NodeClock.open({ releasedAtMs: RELEASED_AT_MS }, { database, clock: machine, logger })
  onOpened(() => clock.close())
  // Enrolment was an operator's act: it says how late it is at least, also where that is months after all that is known.
  const enrolledAtMs = identity.enrolledAtMs ?? (clock.isNew ? certificate.notBeforeMs : 0)
  if (clock.floor.atMs < enrolledAtMs) clock.confirm(enrolledAtMs)
  const keys = await openNodeKeys(
    { directory: home.keystore, unlock, certificate, pseudonymEpoch: identity.pseudonymEpoch },
    { provider, clock, random },
  )
  onOpened(async () => keys.keystore.close())
  const membership = new Membership(credentialsOf(identity.chain, keys.identity))
  // Who is past the end of its certificate, or has a clock that says so, gets nothing new: what is there may stay.
  const clockEndMs = () => membership.current.certificate.notAfterMs
  const records = await openRecordStore({ clockEndMs }, { database, clock, logger })
  onOpened(() => records.close())
  return { identity, provider, database, clock, keys, membership, records }
}
