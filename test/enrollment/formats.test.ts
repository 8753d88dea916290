import fc from 'fast-check'
import t from 'tap'
import { encodeCbor, fromHex } from '../../core/index.ts'
import { ENROLLMENT_ERRORS } from '../../enrollment/index.ts'
import * as facts from '../../enrollment/store/fact-formats.ts'
import * as formats from '../../enrollment/store/formats.ts'
import * as issued from '../../enrollment/store/issued-format.ts'
import { decodeListRecord, encodeListRecord } from '../../enrollment/store/list-record.ts'

const id = new Uint8Array(32).fill(1)
const one = Uint8Array.of(1)
const list = { number: 5n, thisUpdateMs: 1000, nextUpdateMs: 2000, hash: id, sizeBytes: 3 }
const values = {
  token: formats.encodeTokenState({
    ...{ createdAtMs: 1, expiresAtMs: 2, uses: 3, used: 1, nodeId: undefined, roles: ['node'] },
    ...{ labels: ['a'], attestation: 'none' },
  }),
  certificate: issued.encodeIssued({
    ...{ kind: 'node', name: 'a', serialNumber: one, issuedAtMs: 1, notBeforeMs: 2, notAfterMs: 3, identityKeyId: id },
    ...{ tokenId: id, renews: undefined, roles: ['node'], labels: [], der: one },
  }),
  owner: issued.encodeNameOwner({ identityKeyId: id, serialNumber: one, memberSinceMs: 4, graceUsed: 1 }),
  revocation: issued.encodeRevocation({
    ...{ sequence: 1, serialNumber: one, authorityKeyId: id, keyHash: id, kind: 'operator', name: 'a' },
    ...{ issuedAtMs: 1, notAfterMs: 2, revokedAtMs: 3, reason: 'keyCompromise', invalidityMs: undefined },
  }),
  held: issued.encodeHeld({ issuedAtMs: 1, notAfterMs: 2, revoked: true }),
  settings: formats.encodeSettings({
    ...{ mesh: 'm', signaturePolicy: 'hybrid', gossipFanout: 6, bootstrapPeers: ['/a'], pseudonymEpoch: 1 },
  }),
  peer: formats.encodePeer({ learnedAtMs: 1, addresses: ['/a'] }),
  list: encodeListRecord({
    ...{ authorityKeyId: id, own: true, number: 6n, covers: 7, base: { number: 1n, covers: 0 } },
    ...{ full: list, delta: undefined },
  }),
  authorities: facts.encodeAuthorities({
    ...{ active: 0, authorities: [{ kind: 'root', main: 'a', alternative: 'b', chain: [one] }] },
  }),
  approvals: facts.encodeApprovals([{ operator: 'alice', atMs: 1 }]),
  recovery: facts.encodeRecovery({ restores: 1, restoredAtMs: 2, behindSinceMs: undefined }),
  count: facts.encodeCount(3),
}
const again: Record<keyof typeof values, (bytes: Uint8Array) => Uint8Array> = {
  token: (bytes) => formats.encodeTokenState(formats.decodeTokenState(bytes)),
  certificate: (bytes) => issued.encodeIssued(issued.decodeIssued(bytes, one)),
  owner: (bytes) => issued.encodeNameOwner(issued.decodeNameOwner(bytes)),
  revocation: (bytes) => issued.encodeRevocation(issued.decodeRevocation(bytes)),
  held: (bytes) => issued.encodeHeld(issued.decodeHeld(bytes, one)),
  settings: (bytes) => formats.encodeSettings(formats.decodeSettings(bytes)),
  peer: (bytes) => formats.encodePeer(formats.decodePeer(bytes)),
  list: (bytes) => encodeListRecord(decodeListRecord(bytes)),
  authorities: (bytes) => facts.encodeAuthorities(facts.decodeAuthorities(bytes)),
  approvals: (bytes) => facts.encodeApprovals(facts.decodeApprovals(bytes)),
  recovery: (bytes) => facts.encodeRecovery(facts.decodeRecovery(bytes)),
  count: (bytes) => facts.encodeCount(facts.decodeCount(bytes)),
}

/** As this release writes them: a later one must read them. */
const WRITTEN = {
  token: '890201020301f681646e6f6465816161646e6f6e65',
  owner: `85025820${'01'.repeat(32)}41010401`,
  peer: '83010181622f61',
  held: '84010102f5',
} as const

/** As the first release wrote them. */
const FIRST_FORM = {
  token: '870101020301f681646e6f6465',
  owner: `83015820${'01'.repeat(32)}4101`,
} as const

t.test('stored values read back, and keep their bytes', (t) => {
  for (const [name, bytes] of Object.entries(values)) {
    t.strictSame(again[name as keyof typeof values](bytes), bytes, name)
  }
  for (const [name, hex] of Object.entries(WRITTEN)) {
    t.equal(Buffer.from(values[name as keyof typeof values]).toString('hex'), hex, name)
  }
  const token = formats.decodeTokenState(fromHex(FIRST_FORM.token))
  t.match(token, { expiresAtMs: 2, uses: 3, used: 1, nodeId: undefined, labels: [], attestation: 'none' })
  t.match(issued.decodeNameOwner(fromHex(FIRST_FORM.owner)), { serialNumber: one, memberSinceMs: 0, graceUsed: 0 })
  t.end()
})

t.test('a damaged value is named as such, and what still reads means the same', (t) => {
  let damaged = 0
  for (const [name, bytes] of Object.entries(values)) {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const altered = Uint8Array.from(bytes)
        altered[at] = byte
        const input = cut ? altered.subarray(0, at) : altered
        try {
          t.strictSame(again[name as keyof typeof values](input), input)
        } catch (error) {
          if (!ENROLLMENT_ERRORS.matches(error, 'ENROLLMENT_CA_DAMAGED')) throw error
          damaged += 1
        }
      }),
      { numRuns: 60 },
    )
  }
  t.ok(damaged > 100, `${damaged} damaged`)
  t.throws(() => formats.decodePeer(encodeCbor([2, 1, []])), { code: 'ENROLLMENT_CA_DAMAGED' }, 'a later form')
  t.end()
})
