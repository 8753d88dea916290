import type { Logger, RandomSource } from '../../core/index.ts'
import type { Overlay } from '../../overlay/index.ts'
import type { AgentConfig } from '../config/index.ts'
import { HttpsCa } from './ca-client.ts'
import type { Foundation } from './foundation.ts'
import type { NodeHome } from './home.ts'
import { ListPoller } from './list-poller.ts'
import { RecordAuthor } from './record-author.ts'
import { Renewal } from './renewal.ts'
import { Rotation } from './rotation.ts'
import type { TrustRoom } from './trust-room.ts'
import { TrustService } from './trust-service.ts'

/** What keeps a node a member, and its knowledge of the others fresh. */
export interface Renewing {
  /** Undefined when nobody has said where the CA is. */
  readonly caUrl: string | undefined
  readonly rotation: Rotation
  readonly poller: ListPoller | undefined
  readonly service: TrustService
}

export interface RenewingDependencies extends Foundation, TrustRoom {
  readonly random: RandomSource
  readonly logger: Logger
  readonly home: NodeHome
  readonly config: AgentConfig
  readonly overlay: Overlay
  readonly signal: AbortSignal
}

const MINUTE_MS = 60_000

/** Puts together what asks the CA and acts on what it answers; nothing runs yet. */
export function createRenewing(dependencies: RenewingDependencies): Renewing {
  const { identity, keys, membership, config } = dependencies
  const { mesh, nodeId, rootFingerprint } = identity
  const caUrl = config['ca.url'] ?? identity.caUrl
  const { root } = membership.current
  const address = { mesh, rootFingerprint, root }
  const ca = caUrl === undefined ? undefined : new HttpsCa({ ...address, url: caUrl }, dependencies)
  const author = new RecordAuthor({ mesh, rootFingerprint, nodeId, deviceKey: keys.deviceKey }, dependencies)
  const renewal = new Renewal({ ...dependencies, author, ca })
  const certificate = () => membership.current.certificate
  const rotation = new Rotation({ ...dependencies, certificate, renew: () => renewal.run() })
  const periodMs = config['crl.poll_minutes'] * MINUTE_MS
  const poller = ca && new ListPoller({ periodMs }, { ...dependencies, ca })
  return { caUrl, rotation, poller, service: new TrustService({ nodeId }, { ...dependencies, rotation, poller }) }
}
