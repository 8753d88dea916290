import { toHex } from '../../core/index.ts'
import {
  type ListFacts,
  listStaleness,
  parseStalenessPolicy,
  type RevocationState,
} from '../../enrollment/crl/index.ts'
import { DEFAULT_GRACE_COUNT, DEFAULT_GRACE_MS } from '../../enrollment/node/index.ts'
import type { Certificate } from '../../records/path/index.ts'
import type { GraceView, ListsStatus, TrustStatus, VerdictView } from '../control/index.ts'
import { spanText } from '../durations.ts'
import type { RunningNode } from './node.ts'
import { nextUpdateOf } from './revocations.ts'

const DAY_MS = 86_400_000

type ListStatus = TrustStatus['lists'][number]

/** The trust section of `gapmesh status`. */
export function trustStatus(node: RunningNode): TrustStatus {
  const { rotation, revocations, pseudonyms, poller, caUrl } = node.parts
  const { dueAtMs, failures, lastFailure, renewed } = rotation.state
  const grace = graceView(node)
  const { wanted } = pseudonyms
  return {
    clock: clockView(node),
    rotation: {
      ...(caUrl !== undefined && { caUrl }),
      dueAtMs,
      failures,
      ...(lastFailure !== undefined && { lastFailure }),
      renewed,
    },
    ...(grace !== undefined && { grace }),
    lists: listViews(node),
    ordered: revocations.provisional,
    ...(poller !== undefined && { polling: pollView(poller.state) }),
    pseudonym: { epoch: pseudonyms.current.epoch, ...(wanted !== undefined && { wanted }) },
    verdicts: verdictViews(node),
  }
}

/** What the node takes for the time, and why. */
export function clockView({ clock }: RunningNode): TrustStatus['clock'] {
  return { standing: clock.standing, nowMs: clock.now(), offByMs: clock.offByMs, floorMs: clock.floor.atMs }
}

/** The lists of this node, and those its peers say they have: what `gapmesh crl status` shows. */
export function listsStatus(node: RunningNode): ListsStatus {
  const peers = node.parts.overlay.peers().map(({ nodeId, lists }) => ({
    nodeId,
    lists: lists.map(({ authorityKeyId, number, sinceMs }) => ({
      authority: toHex(authorityKeyId),
      number: String(number),
      sinceMs,
    })),
  }))
  return { lists: listViews(node), peers }
}

function pollView({
  answeredAtMs,
  nextAtMs,
  failures,
  lastFailure,
}: NonNullable<RunningNode['parts']['poller']>['state']) {
  return {
    ...(answeredAtMs !== undefined && { answeredAtMs }),
    nextAtMs,
    failures,
    ...(lastFailure !== undefined && { lastFailure }),
  }
}

function listViews(node: RunningNode): ListStatus[] {
  return node.parts.revocations.index.states.flatMap((state) =>
    (state.full === undefined ? [] : [state.full, ...state.deltas]).map((list) => listView(node, state, list)),
  )
}

/** A delta is as fresh as the list under it. */
function listView({ clock, config }: RunningNode, state: RevocationState, list: ListFacts): ListStatus {
  const nowMs = clock.now()
  const policy = parseStalenessPolicy(config['crl.staleness.node']) ?? { kind: 'fresh' }
  const { state: freshness, trustedForMs } = listStaleness({ nextUpdateMs: nextUpdateOf(state) }, policy, nowMs)
  return {
    authority: toHex(list.authorityKeyId),
    kind: list.kind,
    number: String(list.number),
    thisUpdateMs: list.thisUpdateMs,
    nextUpdateMs: list.nextUpdateMs,
    ageMs: nowMs - list.thisUpdateMs,
    state: freshness,
    trustedForMs,
  }
}

function graceView(node: RunningNode): GraceView | undefined {
  const { certificate, clock } = node
  const { renewals, rotation, caUrl } = node.parts
  if (clock.now() <= certificate.notAfterMs) return undefined
  const { used, left } = renewals.grace ?? { used: 0, left: DEFAULT_GRACE_COUNT }
  const { lastFailure } = rotation.state
  return {
    expiredAtMs: certificate.notAfterMs,
    untilMs: certificate.notAfterMs + DEFAULT_GRACE_MS,
    used,
    left,
    why: `the certificate ended before it could be renewed${lastFailure === undefined ? '' : `: ${lastFailure}`}`,
    help: graceHelp(caUrl, lastFailure),
  }
}

function graceHelp(caUrl: string | undefined, lastFailure: string | undefined): string {
  if (caUrl === undefined) return 'set ca.url to where the CA answers'
  if (lastFailure === 'ENROLLMENT_REFUSED' || lastFailure === 'ENROLLMENT_UNAUTHENTICATED')
    return 'the CA does not renew it any more: enrol the node again with gapmesh node enroll and a new token'
  return `it is tried again by itself; see that ${caUrl} can be reached, then gapmesh node rotate`
}

function verdictViews(node: RunningNode): VerdictView[] {
  const { overlay, trust } = node.parts
  const connected = overlay.peers().map(({ nodeId, verdict, reasons }) => ({ nodeId, verdict, reasons }))
  const revoked = trust.revoked().map((nodeId) => ({ nodeId, verdict: 'untrusted', reasons: ['revoked'] }))
  return [...connected, ...revoked]
}

/** What of it an operator should look at, one line each. */
export function trustWarnings(node: RunningNode): string[] {
  const { clock, rotation, lists, grace, verdicts, pseudonym } = trustStatus(node)
  const warnings: string[] = []
  if (clock.standing === 'behind')
    warnings.push(`the clock of this machine is ${spanText(-clock.offByMs)} behind: ${CLOCK}`)
  if (clock.standing === 'ahead')
    warnings.push(`the clock of this machine is ${spanText(clock.offByMs)} ahead: ${CLOCK}`)
  if (node.parts.revocations.revocationOf(node.certificate, clock.nowMs) !== undefined)
    warnings.push('this node is revoked: peers refuse it until it is enrolled again with a new token')
  if (grace !== undefined) {
    const left = `it may come back for ${spanText(Math.max(0, grace.untilMs - clock.nowMs))}, ${grace.left} times`
    warnings.push(`${grace.why}; by the CA's defaults ${left}; ${grace.help}`)
  } else if (rotation.failures > 0) {
    warnings.push(`the certificate could not be renewed ${rotation.failures} times: ${rotation.lastFailure}`)
  }
  const { listed, expiresInMs, trustedForMs } = node.parts.trust.stalenessOf(node.certificate, 'node')
  if (!listed && expiresInMs < 0)
    warnings.push(`no revocation list has ever come from the CA; peers are trusted for ${spanText(trustedForMs)} more`)
  const fullLists = lists.filter(({ kind }) => kind === 'full')
  for (const { authority, state, trustedForMs } of fullLists) {
    const name = `the revocation list of CA ${authority.slice(0, 16)}`
    if (state === 'tolerated') warnings.push(`${name} has run out; it is tolerated for ${spanText(trustedForMs)} more`)
    if (state === 'expired') warnings.push(`${name} has run out: import a current one with gapmesh crl import FILE`)
  }
  if (pseudonym.wanted !== undefined)
    warnings.push(
      `the pseudonym key of epoch ${pseudonym.wanted} is still to come; addresses are hashed under the old one`,
    )
  const doubtful = verdicts.filter(({ verdict }) => verdict === 'stale' || verdict === 'unreachable').length
  if (doubtful > 0)
    warnings.push(`${doubtful} peers may carry records but not publish: their revocation list is too old`)
  const ending = rootWarning(node.parts.membership.current.root, clock.nowMs)
  if (ending !== undefined) warnings.push(ending)
  return warnings
}

/** Said a year ahead: with its root a mesh ends, and every node must be enrolled anew. */
export function rootWarning({ notAfterMs }: Pick<Certificate, 'notAfterMs'>, nowMs: number): string | undefined {
  const leftMs = notAfterMs - nowMs
  return leftMs < ROOT_WARNING_MS
    ? `the root of the mesh ends in ${spanText(Math.max(0, leftMs))}: tell who runs the CA`
    : undefined
}

const ROOT_WARNING_MS = 365 * DAY_MS

const CLOCK = 'set it, or vouch for the time with gapmesh node time confirm'
