import type { Connection } from '@libp2p/interface'
import type { Peer } from './peers.ts'
import type { PeerInfo } from './types.ts'

/** A peer as status shows it. */
export function describePeer(peer: Peer, lists: PeerInfo['lists']): PeerInfo {
  const [connection] = peer.connections
  return {
    nodeId: peer.nodeId,
    peerId: peer.key,
    ...(connection === undefined ? { address: '', direction: 'outbound' } : connectionFacts(connection)),
    sinceMs: peer.sinceMs,
    link: { ...peer.admission.link, ...(peer.connections.some(isClassical) ? { class: 'classical' } : {}) },
    ...peer.standing,
    lists,
    counts: { ...peer.counts },
  }
}

/** Of a peer with two connections, the weaker one counts. QUIC is what libp2p itself calls natively encrypted. */
export function isClassical({ encryption }: Connection): boolean {
  return encryption === 'native'
}

export function connectionFacts(connection: Connection): Pick<PeerInfo, 'address' | 'direction'> {
  return { address: connection.remoteAddr.toString(), direction: connection.direction }
}
