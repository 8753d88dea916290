import { toHex } from '../../core/index.ts'
import { MAX_CREATION_AHEAD_MS } from '../../records/index.ts'
import type { Certificate } from '../../records/path/index.ts'
import type { CertificateView, NodeSummary, StatusResult } from '../control/index.ts'
import { spanText } from '../durations.ts'
import { packageVersion } from '../version.ts'
import { bundleStatus } from './bundle-handlers.ts'
import type { RunningNode } from './node.ts'
import type { Member } from './trust.ts'
import { trustStatus, trustWarnings } from './trust-status.ts'

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
    certificate: certificateView(leaf),
    append: node.appending,
    peers: { connected: state.peers, known: trust.members().filter(({ nodeId }) => nodeId !== identity.nodeId).length },
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
    trust: trustStatus(node),
    bundles: bundleStatus(node),
    warnings: warningsOf(node),
  }
}

/** What is shown of a certificate of this node. */
export function certificateView({ serialNumber, notAfterMs }: Certificate): CertificateView {
  return { serialNumber: toHex(serialNumber), expiresAtMs: notAfterMs }
}

/** What an operator should look at, one line each. */
function warningsOf(node: RunningNode): string[] {
  const { records, overlay } = node.parts
  const warnings = trustWarnings(node)
  const nowMs = node.clock.now()
  const leftMs = node.certificate.notAfterMs - nowMs
  if (nowMs < node.certificate.notBeforeMs) warnings.push('the time is before the beginning of the certificate')
  const newestMs = records.headOf(node.parts.identity.nodeId, 'anomaly')?.createdAtMs ?? 0
  if (node.clock.standing === 'trusted' && newestMs > nowMs + MAX_CREATION_AHEAD_MS)
    warnings.push('the clock is behind the newest record of this node: peers take new ones only when it is right')
  if (leftMs < 0) warnings.push('the certificate of this node has expired')
  else if (leftMs < DAY_MS) warnings.push(`the certificate of this node ends in ${spanText(leftMs)}`)
  if (node.appending === 'asking') warnings.push('waiting for peers to tell what they know of this chain')
  if (node.appending === 'damaged')
    warnings.push('the ledger is damaged, nothing is appended: see docs/operations/node.md')
  if (node.appending === 'forked') warnings.push('two blocks of this node stand at one number: an operator must decide')
  if (node.lostBlocks > 0) warnings.push(`${node.lostBlocks} published blocks of this node are lost`)
  const { missing, expirySuspended } = records.counts()
  if (expirySuspended) warnings.push('the clock may be too far ahead: expired records are kept')
  if (missing > 0) warnings.push(`${missing} records are missing from the store; peers are asked for them`)
  const { missingInGossip } = overlay.state()
  if (missingInGossip > 0) warnings.push(`${missingInGossip} connected peers are not in gossip`)
  const classical = overlay.peers().filter(({ link }) => link.class === 'classical').length
  if (classical > 0) warnings.push(`${classical} peers are connected over QUIC, whose encryption is classical`)
  warnings.push(...acceptWarnings(node), ...bundleWarnings(node))
  for (const input of node.parts.ingest.inputs()) {
    if (input.error !== undefined) warnings.push(`${input.path} cannot be read: ${input.error}`)
  }
  return warnings
}

function bundleWarnings(node: RunningNode): string[] {
  const { state } = node.parts.queue.status()
  if (state === 'disk-low') return ['the disk is nearly full: of bundles only control bundles are taken']
  return state === 'disk-full' ? ['the disk is full: no bundles are taken until there is space'] : []
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

/** Everyone this node knows of, itself and the revoked included. */
export function nodeSummaries(node: RunningNode): NodeSummary[] {
  const { trust } = node.parts
  const revoked = trust.revoked().flatMap((nodeId) => {
    const leaf = trust.leafOf(nodeId)
    return leaf === undefined ? [] : [{ nodeId, roles: leaf.roles, certificateExpiresAtMs: leaf.notAfterMs }]
  })
  const known = trust.members().map((member) => nodeSummary(node, member))
  const gone = revoked.map((member) => {
    return { ...nodeSummary(node, member), verdict: 'untrusted', reasons: ['revoked'] }
  })
  return [...known, ...gone].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
}

function nodeSummary(node: RunningNode, { nodeId, roles, certificateExpiresAtMs }: Member): NodeSummary {
  const { identity, overlay, ledger, trust } = node.parts
  const self = nodeId === identity.nodeId
  const peer = overlay.peers().find((connected) => connected.nodeId === nodeId)
  const headSeq = ledger.head(nodeId)?.seq
  const leaf = trust.leafOf(nodeId)
  const { verdict, reasons } = peer ?? (leaf === undefined || self ? TRUSTED : trust.opinionOf(leaf))
  return {
    nodeId,
    peerId: self ? overlay.peerId : (peer?.peerId ?? ''),
    self,
    connected: self || peer !== undefined,
    verdict,
    reasons,
    roles,
    addresses: self ? overlay.addresses() : peer === undefined ? [] : [peer.address],
    ...(peer !== undefined && { connectedSinceMs: peer.sinceMs, link: peer.link }),
    ...(headSeq !== undefined && { headSeq }),
    certificateExpiresAtMs,
    ...(leaf !== undefined && {
      certificate: {
        authority: toHex(leaf.authorityKeyId),
        serialNumber: toHex(leaf.serialNumber),
        keyId: toHex(leaf.subjectKeyId),
      },
    }),
  }
}

const TRUSTED = { verdict: 'trusted', reasons: [] } as const
