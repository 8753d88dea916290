import { fromHex, toHex } from '../../../core/index.ts'
import { parseCrl } from '../../../enrollment/crl/index.ts'
import { type AuditEntry, type EnrollmentPolicy, LOCAL_ACTOR } from '../../../enrollment/index.ts'
import type { AuthorityLists, IssuedSummary, MeshCa, PublishedList } from '../../../enrollment/store/index.ts'
import type {
  AuditView,
  CaSummary,
  ControlHandlers,
  IssuedView,
  ListParams,
  ListView,
  PolicyView,
  RevokeParams,
} from '../../control/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'

/** Bytes of one piece of a stream. */
const PIECE_BYTES = 256 * 1024

/** What a CA does for whoever is at its own keyboard, directly or through the control socket of the serving process. */
export function caHandlers(ca: MeshCa, { now }: { now: () => number }): ControlHandlers {
  return {
    'ca.status': async () => summaryOf(await ca.status()),
    'ca.token': ({ validForMs, ...terms }) => ca.createToken({ ...terms, lifetimeMs: validForMs }, LOCAL_ACTOR),
    'ca.list': (filter) => views(ca.list(filter)),
    'ca.revoke': async (params) => {
      const { target, ...options } = revocationOf(params)
      return { revoked: (await ca.revoke(target, options, LOCAL_ACTOR)).map(viewOf) }
    },
    'ca.policy': async () => ({ policy: policyView(await ca.policy()) }),
    'ca.setPolicy': async ({ policy }) => ({
      revoked: (await ca.setPolicy(policyOf(policy), LOCAL_ACTOR)).map(viewOf),
    }),
    'ca.addOperator': async ({ name, csr, validForMs: lifetimeMs }) => {
      const { chain, notAfterMs } = await ca.addOperator({ name, csr: fromBase64(csr), lifetimeMs }, LOCAL_ACTOR)
      return { chain: chain.map(toBase64), notAfterMs, suite: (await ca.status()).suite }
    },
    'ca.rekey': async () => {
      const { keyId, notAfterMs } = await ca.rekeyRoot(LOCAL_ACTOR)
      return { keyId, notAfterMs }
    },
    'ca.signIssuing': async ({ request }) => ({
      answer: toBase64(await ca.signIssuingCa(fromBase64(request), LOCAL_ACTOR)),
    }),
    'ca.restored': async ({ lists }) => {
      await ca.restored(LOCAL_ACTOR, { lists: lists.map(fromBase64) })
      return {}
    },
    'ca.audit': ({ limit }) => auditViews(ca.audit(), limit),
    'ca.exportAudit': () => pieces(ca.exportAudit()),
    'ca.verifyAudit': async () => {
      const { entries, head } = await ca.verifyAudit()
      return { entries, head: toHex(head) }
    },
    'ca.root': async () => ({ der: toBase64(ca.root.der) }),
    'crl.status': async () => ({ lists: listViews(await ca.lists(), now()) }),
    'crl.import': async ({ der }) => {
      const list = fromBase64(der)
      await ca.importList(list, LOCAL_ACTOR)
      return { outcome: 'applied', number: String(parseCrl(list).number) }
    },
    'crl.read': (params) => pieces(readList(ca, params)),
  }
}

function summaryOf({ mesh, suite, root, authorities, issued, tokens, behind }: CaSummary): CaSummary {
  return { mesh, suite, root, authorities, issued, tokens, behind }
}

/**
 * What `ca.revoke` asks.
 * @throws AGENT_CONTROL_PARAMETER unless it names exactly one target
 */
export function revocationOf({ serialNumber, nodeId, operator, reason, invalidityMs }: RevokeParams) {
  const targets = [
    ...(serialNumber === undefined ? [] : [{ serialNumber: fromHex(serialNumber) }]),
    ...(nodeId === undefined ? [] : [{ nodeId }]),
    ...(operator === undefined ? [] : [{ operator }]),
  ]
  const [target] = targets
  if (target === undefined || targets.length > 1) {
    const detail = 'name a serial number, a node or an operator: exactly one'
    throw AGENT_ERRORS.create('AGENT_CONTROL_PARAMETER', { detail })
  }
  return { target, reason, invalidityMs }
}

async function* views(issued: AsyncIterable<IssuedSummary>): AsyncIterable<IssuedView> {
  for await (const one of issued) yield viewOf(one)
}

function viewOf({ serialNumber, revocation, notBeforeMs: _, ...same }: IssuedSummary): IssuedView {
  return { ...same, serialNumber: toHex(serialNumber), ...revocation }
}

/** A policy for JSON. */
export function policyView(policy: EnrollmentPolicy): PolicyView {
  const { allow = null, maxNodes = null, namePattern = null } = policy
  return { ...policy, allow, maxNodes, namePattern }
}

/** The policy of a view. */
export function policyOf({ allow, maxNodes, namePattern, ...same }: PolicyView): EnrollmentPolicy {
  return {
    ...(same as Omit<EnrollmentPolicy, 'allow' | 'maxNodes' | 'namePattern'>),
    allow: allow ?? undefined,
    maxNodes: maxNodes ?? undefined,
    namePattern: namePattern ?? undefined,
  }
}

async function* auditViews(entries: AsyncIterable<AuditEntry>, limit = 50): AsyncIterable<AuditView> {
  let left = limit
  for await (const { tokenId, serialNumber, nodeId, ...same } of entries) {
    yield {
      ...same,
      ...(nodeId !== undefined && { nodeId }),
      ...(tokenId !== undefined && { tokenId: toHex(tokenId) }),
      ...(serialNumber !== undefined && { serialNumber: toHex(serialNumber) }),
    }
    left -= 1
    if (left === 0) return
  }
}

function listViews(all: readonly AuthorityLists[], nowMs: number): ListView[] {
  return all.flatMap(({ authorityKeyId, own, full, delta }) => {
    const view = (kind: ListView['kind'], list: PublishedList): ListView => {
      const { number, thisUpdateMs, nextUpdateMs } = list
      const state = nowMs <= nextUpdateMs ? 'fresh' : 'expired'
      const times = { thisUpdateMs, nextUpdateMs, ageMs: nowMs - thisUpdateMs }
      return { authority: toHex(authorityKeyId), kind, number: String(number), ...times, state, own }
    }
    return [view('full', full), ...(delta === undefined ? [] : [view('delta', delta)])]
  })
}

async function* readList(ca: MeshCa, { kind, authority }: ListParams): AsyncIterable<Uint8Array> {
  const all = await ca.lists()
  const lists = authority === undefined ? all[0] : all.find(({ authorityKeyId }) => toHex(authorityKeyId) === authority)
  const list = lists?.[kind]
  if (list !== undefined) yield* split(list.der)
}

/** The bytes in pieces that fit a line of the control socket. */
export function* split(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}

async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncIterable<{ bytes: string }> {
  for await (const chunk of chunks) yield { bytes: toBase64(chunk) }
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}
