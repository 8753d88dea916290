import {
  type CborValue,
  type Clock,
  decodeCbor,
  encodeCbor,
  isGapmeshError,
  type Logger,
  shape,
  sleep,
  utf8,
} from '../../core/index.ts'
import { type Database, ROOM } from '../../core/store/index.ts'
import type { Rotated } from '../../enrollment/member/index.ts'
import { encodeCertificateBody, MAX_LIFETIME_MS } from '../../records/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import type { CaClient } from './ca-client.ts'
import { type NodeHome, writeChain } from './home.ts'
import { dropIdentityKeys, type NamedKey, nextIdentityKey } from './identity-keys.ts'
import type { NodeKeys } from './keys.ts'
import { type Credentials, credentialsOf, type Membership } from './membership.ts'
import type { RecordAuthor } from './record-author.ts'
import type { MeshTrust } from './trust.ts'

export interface RenewalDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly home: NodeHome
  readonly keys: Pick<NodeKeys, 'keystore' | 'deviceKey' | 'overlayKey'>
  readonly membership: Membership
  readonly trust: MeshTrust
  readonly author: RecordAuthor
  /** Undefined when nobody has said where it is. */
  readonly ca: CaClient | undefined
  readonly renewals: RenewalMemory
  /** Ends the wait for peers. */
  readonly signal: AbortSignal
}

/** How long peers have to learn the next certificate before something is signed under it, in milliseconds. */
const SPREAD_MS = 1_000

/**
 * One change of certificate. Its steps, each of which a crash may be the last:
 *
 *     new identity key in the keystore
 *     certificate for it from the CA        asked for again with the same key, it gives the same one
 *     told to peers under the old one
 *     chain.pem replaced                    the switch: it names the key that is in use
 *     links and records use it              connections that stand are not touched
 *     keys before the last one removed
 */
export class Renewal {
  readonly #dependencies: RenewalDependencies

  constructor(dependencies: RenewalDependencies) {
    this.#dependencies = dependencies
  }

  /** @throws AGENT_CA_UNKNOWN, AGENT_CERTIFICATE_STALE, ENROLLMENT_*, CRYPTO_KEYSTORE_*, RECORDS_PATH_*, CORE_STORE_WRITE */
  async run(): Promise<void> {
    const { clock, logger, home, keys, membership, trust, renewals } = this.#dependencies
    const before = membership.current
    const wasExpired = clock.now() > before.certificate.notAfterMs
    const next = await nextIdentityKey(keys.keystore, before)
    const rotated = await this.#ask(before, next)
    await trust.learn(rotated.chain)
    if (!wasExpired) await this.#spread(rotated)
    await writeChain(home, rotated.chain)
    membership.replace(credentialsOf(rotated.chain, next))
    logger.info({ key: next.name, untilMs: rotated.notAfterMs, grace: rotated.grace }, 'the certificate was renewed')
    try {
      await renewals.keep(clock.now(), rotated.grace)
      await dropIdentityKeys(keys.keystore, [before.keyName, next.name])
    } catch (error) {
      logger.warn({ err: error }, 'the node could not tidy up after its renewal; the next one does')
    }
  }

  /** A key that the CA does not take, or took long ago, is thrown away: the next attempt makes another. */
  async #ask(before: Credentials, next: NamedKey): Promise<Rotated> {
    const { ca, clock, keys } = this.#dependencies
    if (ca === undefined) throw AGENT_ERRORS.create('AGENT_CA_UNKNOWN')
    try {
      const { deviceKey, overlayKey } = keys
      const rotated = await ca.rotate(before, { identityKey: next.key, deviceKey, overlayKey })
      // Made later, not: ends later. A CA may have come to give shorter lives.
      const isLater = rotated.notBeforeMs >= before.certificate.notBeforeMs && rotated.notAfterMs > clock.now()
      if (!isLater) throw AGENT_ERRORS.create('AGENT_CERTIFICATE_STALE')
      return rotated
    } catch (error) {
      const isSpent = isGapmeshError(error, 'ENROLLMENT_REFUSED') || isGapmeshError(error, 'AGENT_CERTIFICATE_STALE')
      if (isSpent) await keys.keystore.remove(next.name)
      throw error
    }
  }

  /** Peers that know the next certificate take what is signed under it at once; the others ask for it first. */
  async #spread({ chain, notAfterMs }: Rotated): Promise<void> {
    const { author, clock, signal } = this.#dependencies
    const body = encodeCertificateBody(chain.slice(0, -1))
    const lifetimeMs = Math.min(MAX_LIFETIME_MS, notAfterMs - clock.now())
    await author.publish('certificate', { body, lifetimeMs })
    await sleep(clock, SPREAD_MS, signal)
  }
}

/** The last time that this node was taken back after its certificate had expired. */
export interface Grace {
  readonly atMs: number
  /** How often that has happened, and how often more it may. */
  readonly used: number
  readonly left: number
}

const RENEWAL_KEY = utf8('renewal')

/** Remembers over restarts when this node was renewed last, and when after the end of its certificate. */
export class RenewalMemory {
  readonly #database: Database
  #known: { readonly renewedAtMs: number; readonly grace: Grace | undefined }

  /** @throws CORE_STORE_READ */
  static async open(database: Database): Promise<RenewalMemory> {
    const bytes = await database.room(ROOM.nodeState).get(RENEWAL_KEY)
    return new RenewalMemory(database, bytes)
  }

  private constructor(database: Database, bytes: Uint8Array | undefined) {
    this.#database = database
    this.#known = (bytes && decode(bytes)) ?? { renewedAtMs: 0, grace: undefined }
  }

  /** 0: never. */
  get renewedAtMs(): number {
    return this.#known.renewedAtMs
  }

  get grace(): Grace | undefined {
    return this.#known.grace
  }

  /** @throws CORE_STORE_WRITE */
  async keep(renewedAtMs: number, taken: Omit<Grace, 'atMs'> | undefined): Promise<void> {
    const grace = taken === undefined ? this.#known.grace : { ...taken, atMs: renewedAtMs }
    this.#known = { renewedAtMs, grace }
    const item = grace === undefined ? null : [grace.atMs, grace.used, grace.left]
    const value = encodeCbor([1, renewedAtMs, item])
    await this.#database.commit([this.#database.room(ROOM.nodeState).put(RENEWAL_KEY, value)])
  }
}

/** Undefined for what cannot be read: the CA tells it again. */
function decode(bytes: Uint8Array): { renewedAtMs: number; grace: Grace | undefined } | undefined {
  try {
    const [version, renewedAtMs, item] = shape.array(decodeCbor(bytes, { maxBytes: 64 }), 'renewal', { min: 3, max: 3 })
    shape.oneOf(version, 'version', [1])
    return { renewedAtMs: shape.uint(renewedAtMs, 'time'), grace: item === null ? undefined : decodeGrace(item) }
  } catch (error) {
    if (isGapmeshError(error)) return undefined
    throw error
  }
}

function decodeGrace(item: CborValue | undefined): Grace {
  const [atMs, used, left] = shape.array(item, 'grace', { min: 3, max: 3 })
  return { atMs: shape.uint(atMs, 'time'), used: shape.uint(used, 'used'), left: shape.uint(left, 'left') }
}
