import type { AdmissionSink } from './admission.ts'
import { createRouter, topicsOf } from './gossip/index.ts'
import { createHost } from './libp2p.ts'
import { Listeners } from './listeners.ts'
import { OverlayNode } from './node.ts'
import { type OverlayOptions, resolveOptions } from './options.ts'
import { PeerTable } from './peers.ts'
import { PendingConnections } from './pending.ts'
import type { Overlay, OverlayDependencies, OverlayEvents } from './types.ts'

/**
 * Makes the overlay of a node; nothing is open until {@link Overlay.start}.
 * @throws {TypeError} for options that are unknown or out of bounds
 * @throws OVERLAY_QUIC
 */
export async function createOverlay(options: OverlayOptions, dependencies: OverlayDependencies): Promise<Overlay> {
  const resolved = resolveOptions(options)
  if (resolved.quic && dependencies.quic === undefined) throw new TypeError('QUIC is on and has no link')
  const peers = new PeerTable(resolved, dependencies)
  const listeners = new Listeners<OverlayEvents>()
  const pending = new PendingConnections(dependencies)
  const sink: AdmissionSink = {
    onAdmitted: (admission) => peers.admit(admission),
    onRefusal: (refusal) => listeners.emit('refused', refusal),
    onHello: (connection) => pending.spoke(connection),
  }
  const topics = topicsOf(resolved.mesh, dependencies.records.types)
  const router = createRouter({
    topics: [...topics.keys()],
    fanOut: resolved.fanOut,
    mayReceive: (key) => peers.get(key)?.standing.capabilities.receive ?? true,
  })
  const host = await createHost(resolved, {
    clock: dependencies.clock,
    encrypter: dependencies.encrypter(sink),
    quic: resolved.quic ? dependencies.quic?.(sink) : undefined,
    router: router.factory,
    mayOpen: (peerId, opening) => peers.mayOpen(peerId, opening),
    isPeer: (peerId) => peers.get(peerId.toString()) !== undefined,
    pending,
  })
  return new OverlayNode(resolved, { ...dependencies, peers, listeners, host, cache: router.cache, topics })
}
