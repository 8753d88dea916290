import t from 'tap'
import { encodeCbor } from '../../core/index.ts'
import {
  AUDIT_START,
  type AuditEntry,
  auditHash,
  decodeAudit,
  encodeAudit,
  LOCAL_ACTOR,
  verifyAudit,
} from '../../enrollment/audit.ts'
import { MAX_AUDIT_DETAIL_CHARACTERS } from '../../enrollment/limits.ts'

const entry = (atMs: number, changes: Partial<AuditEntry> = {}): AuditEntry => ({
  atMs,
  event: 'certificate-issued',
  actor: { kind: 'operator', name: 'alice' },
  nodeId: 'relay-7',
  tokenId: new Uint8Array(32).fill(1),
  serialNumber: Uint8Array.of(7),
  detail: '',
  ...changes,
})

function chainOf(entries: readonly AuditEntry[], start: Uint8Array = AUDIT_START): Uint8Array[] {
  let previous = start
  return entries.map((one) => {
    const bytes = encodeAudit(one, previous)
    previous = auditHash(bytes)
    return bytes
  })
}

const chain = chainOf([entry(1), entry(2, { nodeId: undefined, tokenId: undefined }), entry(3), entry(4)])

t.test('entries survive their encoding', (t) => {
  t.strictSame(decodeAudit(chain[0]!), { entry: entry(1), previous: AUDIT_START })
  t.match(decodeAudit(chain[1]!), { entry: { nodeId: undefined, tokenId: undefined }, previous: auditHash(chain[0]!) })
  const long = encodeAudit(entry(1, { detail: 'é'.repeat(1000) }), AUDIT_START)
  t.equal(decodeAudit(long).entry.detail.length, MAX_AUDIT_DETAIL_CHARACTERS)
  t.end()
})

t.test('a whole chain verifies, an empty one too', async (t) => {
  t.strictSame(await verifyAudit(chain), { entries: 4, head: auditHash(chain[3]!) })
  t.strictSame(await verifyAudit([]), { entries: 0, head: AUDIT_START })
})

t.test('an entry that was changed, taken out, moved or put in is found', async (t) => {
  const [first, second, third, fourth] = chain as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const changed = encodeAudit(entry(2, { nodeId: 'other' }), auditHash(first))
  const broken: [Uint8Array[], number][] = [
    [[first, changed, third, fourth], 3],
    [[first, third, fourth], 2],
    [[second, third, fourth], 1],
    [[first, third, second, fourth], 2],
    [[first, second, second, third], 3],
  ]
  for (const [entries, at] of broken) {
    await t.rejects(verifyAudit(entries), { code: 'ENROLLMENT_AUDIT_BROKEN', metadata: { entries: at } })
  }
  await t.rejects(verifyAudit([first, Uint8Array.of(0x80)]), { code: 'ENROLLMENT_AUDIT_BROKEN' })
})

t.test('a chain goes on after entries that were none', async (t) => {
  const old = encodeCbor([1, 5, 'token-created', null, new Uint8Array(32), null])
  t.match(decodeAudit(old), { entry: { atMs: 5, actor: LOCAL_ACTOR }, previous: undefined })
  const rest = chainOf([entry(6), entry(7)], auditHash(old))
  t.match(await verifyAudit([old, ...rest]), { entries: 3 })
  const other = encodeCbor([1, 6, 'token-created', null, new Uint8Array(32), null])
  await t.rejects(verifyAudit([other, ...rest]), { code: 'ENROLLMENT_AUDIT_BROKEN' })
  await t.rejects(verifyAudit([old, ...rest, old]), { code: 'ENROLLMENT_AUDIT_BROKEN', metadata: { entries: 4 } })
})
