import fc from 'fast-check'
import t from 'tap'
import { parseCrl, type RevocationList, type RevokedEntry } from '../../../enrollment/crl/index.ts'
import { ENROLLMENT_ERRORS } from '../../../enrollment/errors.ts'
import { MAX_CRL_BYTES, MAX_CRL_ENTRIES, MAX_CRL_ENTRY_EXTENSIONS } from '../../../enrollment/limits.ts'
import { derOid, OID } from '../../../records/path/index.ts'
import { entry, HOUR_MS, makeCa, NOW_MS, serial } from '../../helpers/crl.ts'
import { at, type DerNode, encodeTree, leaf, parseTree } from '../../helpers/der-tree.ts'
import { everyByte } from '../../helpers/every-byte.ts'

const ca = await makeCa()
const keyHash = new Uint8Array(32).fill(7)
const pseudonym = { epoch: 3, keyHash: new Uint8Array(32).fill(9) }
const highest = 2n ** 159n - 1n

/** Two entries, all that an entry can have in the second. */
const entries: readonly RevokedEntry[] = [
  entry(serial(5)),
  entry(serial(0x80, 1), { reason: 'keyCompromise', invalidityMs: NOW_MS - HOUR_MS, keyHash }),
]
const full = await ca.der({ entries, pseudonym, number: 7n })
const delta = await ca.der({ entries: [entry(serial(5), { reason: 'removeFromCRL' })], number: 7n, baseNumber: 4n })

t.test('a full list and a delta read back', async (t) => {
  const list = parseCrl(full)
  t.match(list, {
    kind: 'full',
    number: 7n,
    baseNumber: undefined,
    thisUpdateMs: NOW_MS,
    nextUpdateMs: NOW_MS + 24 * HOUR_MS,
    sizeBytes: full.length,
    signatureSuite: 'ml-dsa-65',
    altSignatureSuite: 'ecdsa-p384',
  })
  t.strictSame(list.pseudonym, pseudonym)
  t.strictSame([...list.entries], entries)
  t.strictSame(list.authorityKeyId, ca.certificate.subjectKeyId)
  t.strictSame(list.issuerName, ca.certificate.subjectName)
  const change = parseCrl(delta)
  t.match(change, { kind: 'delta', number: 7n, baseNumber: 4n, pseudonym: undefined })
  t.equal(change.entries.at(0).reason, 'removeFromCRL')
  t.equal(parseCrl(await ca.der()).entries.size, 0)
})

/** Children of tbsCertList. */
const TBS = { version: 0, algorithm: 1, issuer: 2, thisUpdate: 3, nextUpdate: 4, revoked: 5, explicit: -1 } as const

function altered(der: Uint8Array, change: (tbs: DerNode, list: DerNode) => void): Buffer {
  const list = parseTree(der)
  change(at(list, 0), list)
  return encodeTree(list)
}

function setContent(node: DerNode, content: Buffer): void {
  node.content = content
}

function setChildren(node: DerNode, children: DerNode[]): void {
  node.children = children
}

function replaceChild(node: DerNode, place: number, child: DerNode): void {
  node.children?.splice(place, 1, child)
}

function extensionsOf(tbs: DerNode): DerNode[] {
  return at(tbs, TBS.explicit, 0).children!
}

function extension(oid: string, value: DerNode, critical = false): DerNode {
  const content = { tag: 0x04, content: encodeTree(value) }
  return { tag: 0x30, children: [leaf(0x06, oid), ...(critical ? [leaf(0x01, 'ff')] : []), content] }
}

const NUMBER = '551d14'
const DELTA = '551d1b'
const EPOCH = Buffer.from(derOid(OID.pseudonymEpoch).subarray(2)).toString('hex')
const UNKNOWN = '2a0304'
const NULL = leaf(0x05, '')

function replaced(oid: string, value: DerNode, critical = false): (tbs: DerNode) => void {
  return (tbs) => {
    const all = extensionsOf(tbs)
    const place = all.findIndex((one) => at(one, 0).content!.toString('hex') === oid)
    all[place] = extension(oid, value, critical)
  }
}

function removed(oid: string): (tbs: DerNode) => void {
  return (tbs) => {
    const all = extensionsOf(tbs)
    all.splice(
      all.findIndex((one) => at(one, 0).content!.toString('hex') === oid),
      1,
    )
  }
}

function added(one: DerNode): (tbs: DerNode) => void {
  return (tbs) => void extensionsOf(tbs).push(one)
}

t.test('the frame: what is missing, doubled, out of place or too long', async (t) => {
  const refused: [string, string, Buffer][] = [
    ['trailing bytes', 'MALFORMED', Buffer.concat([full, Buffer.of(0)])],
    ['cut short', 'MALFORMED', Buffer.from(full.subarray(0, -1))],
    ['bytes after the signature', 'MALFORMED', altered(full, (_, list) => void list.children!.push(NULL))],
    ['bytes after the extensions', 'MALFORMED', altered(full, (tbs) => void tbs.children!.push(NULL))],
    ['version 1', 'MALFORMED', altered(full, (tbs) => void tbs.children!.shift())],
    ['version 3', 'MALFORMED', altered(full, (tbs) => setContent(at(tbs, TBS.version), Buffer.of(2)))],
    [
      'algorithms differ',
      'MALFORMED',
      altered(full, (_, list) => setContent(at(list, 1, 0), Buffer.from('608648016503040313', 'hex'))),
    ],
    ['an empty issuer', 'MALFORMED', altered(full, (tbs) => setChildren(at(tbs, TBS.issuer), []))],
    ['an issuer that is no Name', 'MALFORMED', altered(full, (tbs) => setChildren(at(tbs, TBS.issuer), [NULL]))],
    ['no extensions', 'MALFORMED', altered(full, (tbs) => void tbs.children!.pop())],
    ['no nextUpdate', 'NEXT_UPDATE', altered(full, (tbs) => void tbs.children!.splice(TBS.nextUpdate, 1))],
    [
      'nextUpdate at thisUpdate',
      'NEXT_UPDATE',
      altered(full, (tbs) => setContent(at(tbs, TBS.nextUpdate), at(tbs, TBS.thisUpdate).content!)),
    ],
    ['an empty list of entries', 'MALFORMED', altered(full, (tbs) => setChildren(at(tbs, TBS.revoked), []))],
  ]
  for (const [name, code, der] of refused) t.throws(() => parseCrl(der), { code: `ENROLLMENT_CRL_${code}` }, name)
  t.throws(() => parseCrl(altered(full, removed('551d4a'))), { code: 'ENROLLMENT_CRL_MALFORMED' }, 'half of a half')
})

t.test('the extensions of a list', async (t) => {
  const refused: [string, string, (tbs: DerNode) => void][] = [
    ['unknown and critical', 'EXTENSION', added(extension(UNKNOWN, NULL, true))],
    ['issuingDistributionPoint', 'EXTENSION', added(extension('551d1c', { tag: 0x30, children: [] }, true))],
    ['twice', 'MALFORMED', added(extension(NUMBER, leaf(0x02, '07')))],
    ['a delta that is not critical', 'EXTENSION', added(extension(DELTA, leaf(0x02, '01')))],
    ['a critical number', 'EXTENSION', replaced(NUMBER, leaf(0x02, '07'), true)],
    ['no number', 'EXTENSION', removed(NUMBER)],
    ['no authority key id', 'EXTENSION', removed('551d23')],
    ['a short authority key id', 'MALFORMED', replaced('551d23', { tag: 0x30, children: [leaf(0x80, '01')] })],
    ['a negative number', 'MALFORMED', replaced(NUMBER, leaf(0x02, 'ff'))],
    ['2^159', 'NUMBER', replaced(NUMBER, leaf(0x02, `0080${'00'.repeat(19)}`))],
    ['2^160', 'NUMBER', replaced(NUMBER, leaf(0x02, `01${'00'.repeat(20)}`))],
    ['a base at the number', 'NUMBER', added(extension(DELTA, leaf(0x02, '07'), true))],
    ['an epoch of another form', 'MALFORMED', replaced(EPOCH, NULL)],
    [
      'a short hash of the pseudonym key',
      'MALFORMED',
      replaced(EPOCH, { tag: 0x30, children: [leaf(0x02, '01'), leaf(0x04, '01')] }),
    ],
  ]
  for (const [name, code, change] of refused) {
    t.throws(() => parseCrl(altered(full, change)), { code: `ENROLLMENT_CRL_${code}` }, name)
  }
  t.equal(parseCrl(altered(full, added(extension(UNKNOWN, NULL)))).number, 7n, 'unknown ones are passed over')
  t.equal(parseCrl(altered(full, added(extension(DELTA, leaf(0x02, '06'), true)))).baseNumber, 6n)
  t.equal(parseCrl(altered(full, replaced(NUMBER, leaf(0x02, `7f${'ff'.repeat(19)}`)))).number, highest)
  t.equal(parseCrl(await ca.der({ number: highest })).number, highest)
})

/** The full list with its second entry changed. */
function withEntry(change: (second: DerNode, revoked: DerNode) => void): Buffer {
  return altered(full, (tbs) => change(at(tbs, TBS.revoked, 1), at(tbs, TBS.revoked)))
}

const REASON = '551d15'
const reason = (code: string) => extension(REASON, leaf(0x0a, code))

t.test('entries', (t) => {
  const refused: [string, string, Buffer][] = [
    ['not in order', 'ORDER', withEntry((_, revoked) => void revoked.children!.reverse())],
    ['twice', 'ORDER', withEntry((second) => setContent(at(second, 0), Buffer.of(5)))],
    ['serial 0', 'MALFORMED', withEntry((second) => setContent(at(second, 0), Buffer.of(0)))],
    ['negative serial', 'MALFORMED', withEntry((second) => setContent(at(second, 0), Buffer.of(0x80)))],
    ['padded serial', 'MALFORMED', withEntry((second) => setContent(at(second, 0), Buffer.of(0, 1)))],
    ['empty serial', 'MALFORMED', withEntry((second) => setContent(at(second, 0), Buffer.alloc(0)))],
    ['serial of 21 bytes', 'MALFORMED', withEntry((second) => setContent(at(second, 0), Buffer.alloc(21, 1)))],
    ['no date', 'MALFORMED', withEntry((second) => void second.children!.splice(1, 1))],
    ['bytes after it', 'MALFORMED', withEntry((second) => void second.children!.push(NULL))],
    ['no extension in the sequence', 'MALFORMED', withEntry((second) => setChildren(at(second, 2), []))],
    ['an extension twice', 'MALFORMED', withEntry((second) => void at(second, 2).children!.push(reason('01')))],
    [
      'unknown and critical',
      'EXTENSION',
      withEntry((s) => void at(s, 2).children!.push(extension(UNKNOWN, NULL, true))),
    ],
    ['certificateIssuer', 'EXTENSION', withEntry((s) => void at(s, 2).children!.push(extension('551d1d', NULL, true)))],
    ['a malformed OID', 'MALFORMED', withEntry((s) => void at(s, 2).children!.push(extension('80', NULL)))],
    ['a short key hash', 'MALFORMED', withEntry((s) => setContent(at(s, 2, 2, 1), encodeTree(leaf(0x04, '01'))))],
    ...['00', '07', '0b', '08', '0101'].map((code): [string, string, Buffer] => [
      `reason ${code}`,
      'REASON',
      withEntry((second) => replaceChild(at(second, 2), 0, reason(code))),
    ]),
    [
      'too many extensions',
      'MALFORMED',
      withEntry((second) =>
        setChildren(at(second, 2), Array(MAX_CRL_ENTRY_EXTENSIONS + 1).fill(extension(UNKNOWN, NULL))),
      ),
    ],
  ]
  for (const [name, code, der] of refused) t.throws(() => parseCrl(der), { code: `ENROLLMENT_CRL_${code}` }, name)
  const passed = parseCrl(withEntry((second) => void at(second, 2).children!.push(extension(UNKNOWN, NULL))))
  t.strictSame([...passed.entries], entries, 'unknown ones are passed over')
  t.equal(parseCrl(withEntry((s) => void at(s, 2).children!.reverse())).entries.at(1).reason, 'keyCompromise')
  t.end()
})

t.test('dates of entries', (t) => {
  const dated = (tag: number, text: string) =>
    withEntry((second) => replaceChild(second, 1, { tag, content: Buffer.from(text) }))
  const read = (tag: number, text: string) =>
    new Date(parseCrl(dated(tag, text)).entries.at(1).revokedAtMs).toISOString()
  t.equal(read(0x17, '491231235959Z'), '2049-12-31T23:59:59.000Z')
  t.equal(read(0x17, '500101000000Z'), '1950-01-01T00:00:00.000Z')
  t.equal(read(0x17, '240229120000Z'), '2024-02-29T12:00:00.000Z')
  t.equal(read(0x18, '20500101000000Z'), '2050-01-01T00:00:00.000Z')
  t.equal(read(0x18, '99991231235959Z'), '9999-12-31T23:59:59.000Z')
  const malformed: [number, string][] = [
    [0x17, '230229120000Z'],
    [0x17, '241301000000Z'],
    [0x17, '240001000000Z'],
    [0x17, '240100000000Z'],
    [0x17, '240132000000Z'],
    [0x17, '240101240000Z'],
    [0x17, '240101006000Z'],
    [0x17, '240101000060Z'],
    [0x17, '2401010000Z'],
    [0x17, '240101000000+'],
    [0x17, '24010100000xZ'],
    [0x18, '20491231235959Z'],
    [0x18, '00500101000000Z'],
    [0x18, '2050010100000000'],
    [0x04, '240101000000Z'],
  ]
  for (const [tag, text] of malformed) {
    t.throws(() => parseCrl(dated(tag, text)), { code: 'ENROLLMENT_CRL_MALFORMED' }, text)
  }
  t.end()
})

t.test('lengths are minimal and definite also where entries are read by position', (t) => {
  const bytes = Buffer.from(full)
  const second = bytes.indexOf(Buffer.from('0203008001', 'hex'))
  t.ok(second > 0)
  const withLength = Buffer.from(bytes)
  withLength[second + 1] = 0x80
  t.throws(() => parseCrl(withLength), { code: 'ENROLLMENT_CRL_MALFORMED' })
  withLength[second + 1] = 0x81
  t.throws(() => parseCrl(withLength), { code: 'ENROLLMENT_CRL_MALFORMED' })
  withLength[second + 1] = 0x7f
  t.throws(() => parseCrl(withLength), { code: 'ENROLLMENT_CRL_MALFORMED' })
  t.end()
})

t.test('caps come first', async (t) => {
  const code = 'ENROLLMENT_CRL_TOO_LARGE'
  t.throws(() => parseCrl(new Uint8Array(MAX_CRL_BYTES + 1)), { code }, 'whatever the bytes are')
  t.throws(() => parseCrl(new Uint8Array(MAX_CRL_BYTES)), { code: 'ENROLLMENT_CRL_MALFORMED' })
  const many = (count: number) =>
    altered(full, (tbs) => {
      tbs.children![TBS.revoked] = { tag: 0x30, content: Buffer.alloc(2 * count, Buffer.of(0x30, 0)) }
    })
  t.throws(() => parseCrl(many(MAX_CRL_ENTRIES + 1)), { code }, 'counted before any is read')
  t.throws(() => parseCrl(many(MAX_CRL_ENTRIES)), { code: 'ENROLLMENT_CRL_MALFORMED' })
  const issued = (count: number, last: Partial<RevokedEntry> = {}) =>
    Array.from({ length: count }, (_, number) =>
      entry(serial(1, number >> 16, (number >> 8) & 0xff, number & 0xff), last),
    )
  await t.rejects(ca.der({ entries: issued(MAX_CRL_ENTRIES + 1) }), { code })
  const most = parseCrl(await ca.der({ entries: issued(MAX_CRL_ENTRIES) }))
  t.equal(most.entries.size, MAX_CRL_ENTRIES)
  const heavy = issued(MAX_CRL_BYTES / 64, { reason: 'keyCompromise', keyHash })
  await t.rejects(ca.der({ entries: heavy }), { code }, 'fewer entries, more bytes')
})

t.test('no byte of a list is without meaning', (t) => {
  const signed = ({ tbs, signature }: RevocationList) => Buffer.concat([tbs, signature])
  for (const valid of [full, delta]) {
    const original = signed(parseCrl(valid))
    const { read, refused } = everyByte(valid, parseCrl, {
      refuses: ENROLLMENT_ERRORS.matches,
      means: (list) => !signed(list).equals(original),
    })
    t.ok(read > valid.length && refused > valid.length, `${read} read, ${refused} refused`)
  }
  t.end()
})

t.test('mutations are read or refused, never worse', (t) => {
  let refused = 0
  let read = 0
  for (const valid of [full, delta]) {
    const bodies = valid.length - 3400
    fc.assert(
      fc.property(fc.nat(bodies), fc.nat(255), fc.constantFrom('set', 'cut', 'insert', 'drop'), (place, byte, how) => {
        const input = mutate(valid, { place, byte, how })
        try {
          const list = parseCrl(input)
          t.equal([...list.entries].length, list.entries.size)
          read += 1
        } catch (error) {
          if (!ENROLLMENT_ERRORS.matches(error)) throw error
          refused += 1
        }
      }),
      { numRuns: 1500 },
    )
  }
  t.ok(refused > 1000 && read > 100, `${refused} refused, ${read} read`)
  t.end()
})

function mutate(valid: Uint8Array, { place, byte, how }: { place: number; byte: number; how: string }): Buffer {
  const [before, after] = [valid.subarray(0, place), valid.subarray(place)]
  if (how === 'cut') return Buffer.from(before)
  if (how === 'insert') return Buffer.concat([before, Buffer.of(byte), after])
  if (how === 'drop') return Buffer.concat([before, after.subarray(1)])
  return Buffer.concat([before, Buffer.of(byte), after.subarray(1)])
}
