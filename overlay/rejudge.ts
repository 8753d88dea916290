import type { Connection } from '@libp2p/interface'
import { isGapmeshError, type Logger } from '../core/index.ts'
import type { Admission } from './admission.ts'
import type { Peer, PeerTable } from './peers.ts'
import type { PeerGate } from './ports.ts'
import { opinionOf } from './verdicts.ts'

export interface RejudgeDependencies {
  readonly gate: PeerGate
  readonly logger: Logger
  readonly peers: PeerTable
  /** Closes one of a peer's connections, whose certificate no longer holds. */
  refuse(peer: Peer, connection: Connection): void
  /** The peer's verdict is another one now. */
  changed(peer: Peer): void
}

/** Asks the gate again about the chain of every open connection, and acts on each answer as it comes. */
export async function judgeAgain(dependencies: RejudgeDependencies): Promise<void> {
  const { peers } = dependencies
  const open = peers.all().flatMap((peer) => peer.connections.map((connection) => ({ peer, connection })))
  await Promise.all(
    open.map(async ({ peer, connection }) => {
      const admission = peer.admissions.get(connection.id)
      if (admission === undefined) return
      const path = await opinionAgain(admission, dependencies)
      if (peer.isExpelled || !peer.admissions.has(connection.id)) return
      if (path === undefined) dependencies.refuse(peer, connection)
      else if (peers.judgedAgain(peer, connection.id, path)) dependencies.changed(peer)
    }),
  )
}

/** What the gate says now; undefined when it refuses. Its own trouble is no reason to send a peer away. */
async function opinionAgain(
  admission: Admission,
  { gate, logger }: RejudgeDependencies,
): Promise<Admission['path'] | undefined> {
  try {
    const path = await gate.judge(admission.path.chain.map(({ der }) => der))
    return opinionOf(path).verdict === 'untrusted' ? undefined : path
  } catch (error) {
    const { nodeId } = admission.path
    if (isGapmeshError(error) && error.action !== undefined) {
      logger.info({ peer: nodeId, code: error.code }, 'a connected peer is refused now')
      return undefined
    }
    logger.warn({ peer: nodeId, err: error }, 'a connected peer could not be judged again')
    return admission.path
  }
}
