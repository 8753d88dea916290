import { toHex } from '../../core/index.ts'
import type { NodeSummary, StatusResult } from '../control/index.ts'
import { packageVersion } from '../version.ts'
import type { RunningNode } from './node.ts'

const DAY_MS = 86_400_000

/** What `gapmesh status` shows of a running node. */
export async function nodeStatus(node: RunningNode): Promise<StatusResult> {
  const { identity, trust, records, ledger, overlay, ingest, inbox, acceptor } = node.parts
  const leaf = node.certificate
  const held = records.counts()
  const state = overlay.state()
  return {
    version: packageVersion(),
    nodeId: identity.nodeId,
    mesh: identity.mesh,
    roles: leaf.roles,
    peerId: overlay.peerId,
    startedAtMs: node.startedAtMs,
    addresses: overlay.addresses(),
    certificate: { serialNumber: toHex(leaf.serialNumber), expiresAtMs: leaf.notAfterMs },
    append: node.appending,
    peers: { connected: state.peers, known: trust.members().length - 1 },
    records: {
      held: held.records,
      bytes: held.bytes,
      received: inbox.counters.admitted,
      duplicates: inbox.counters.duplicates,
      expired: held.expired,
      refused: { ...inbox.counters.refused },
    },
    ledger: { headSeq: ledger.head(identity.nodeId)?.seq ?? 0, origins: ledger.heads().length },
    ingest: { inputs: ingest.inputs(), counters: { ...ingest.counters(), failed: acceptor.state().failed } },
    traffic: {
      queued: state.queued.waiting.reduce((sum, count) => sum + count, 0),
      refusedLinks: state.refusals,
      gossipRejoins: state.gossipRejoins,
      gossip: { ...state.gossip },
      catchUp: { ...state.sync },
    },
    warnings: warningsOf(node),
  }
}

/** What an operator should look at, one line each. */
function warningsOf(node: RunningNode): string[] {
  const { records, overlay } = node.parts
  const warnings: string[] = []
  const leftMs = node.certificate.notAfterMs - node.clock.now()
  if (leftMs < 0) warnings.push('the certificate of this node has expired')
  else if (leftMs < DAY_MS) warnings.push(`the certificate of this node ends in ${Math.ceil(leftMs / 3_600_000)} h`)
  if (node.appending === 'asking') warnings.push('waiting for peers to tell what they know of this chain')
  if (node.appending === 'damaged') warnings.push('the ledger is damaged, nothing is appended: run gapmesh doctor')
  if (node.appending === 'forked') warnings.push('two blocks of this node stand at one number: an operator must decide')
  if (node.lostBlocks > 0) warnings.push(`${node.lostBlocks} published blocks of this node are lost`)
  const { missing } = records.counts()
  if (missing > 0) warnings.push(`${missing} records are missing from the store; peers are asked for them`)
  const { missingInGossip } = overlay.state()
  if (missingInGossip > 0) warnings.push(`${missingInGossip} connected peers are not in gossip`)
  warnings.push(...acceptWarnings(node))
  for (const input of node.parts.ingest.inputs()) {
    if (input.error !== undefined) warnings.push(`${input.path} cannot be read: ${input.error}`)
  }
  return warnings
}

function acceptWarnings({ parts: { acceptor }, stoppedBy }: RunningNode): string[] {
  const { failed, waitingFor } = acceptor.state()
  const warnings: string[] = []
  if (waitingFor !== undefined) warnings.push(`events wait to be accepted: ${waitingFor}; nothing of them is lost`)
  if (stoppedBy !== undefined) {
    warnings.push(
      `reading the logs has stopped: ${stoppedBy}; the log of the agent says why, a restart goes on from there`,
    )
  }
  if (failed > 0) warnings.push(`${failed} events could never be accepted and were left out: see the log of the agent`)
  return warnings
}

/** Everyone this node knows of, itself included. */
export function nodeSummaries(node: RunningNode): NodeSummary[] {
  const { identity, trust, overlay, ledger } = node.parts
  const peers = new Map(overlay.peers().map((peer) => [peer.nodeId, peer]))
  const heads = new Map(ledger.heads().map((head) => [head.origin, head.seq]))
  return trust.members().map(({ nodeId, roles, certificateExpiresAtMs }) => {
    const self = nodeId === identity.nodeId
    const peer = peers.get(nodeId)
    const headSeq = heads.get(nodeId)
    return {
      nodeId,
      peerId: self ? overlay.peerId : (peer?.peerId ?? ''),
      self,
      connected: self || peer !== undefined,
      roles,
      addresses: self ? overlay.addresses() : peer === undefined ? [] : [peer.address],
      ...(peer !== undefined && { connectedSinceMs: peer.sinceMs, link: peer.link }),
      ...(headSeq !== undefined && { headSeq }),
      certificateExpiresAtMs,
    }
  })
}
