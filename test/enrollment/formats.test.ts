import fc from 'fast-check'
import t from 'tap'
import { encodeCbor } from '../../core/index.ts'
import { ENROLLMENT_ERRORS } from '../../enrollment/index.ts'
import * as formats from '../../enrollment/store/formats.ts'

const id = new Uint8Array(32).fill(1)
const values = {
  token: formats.encodeTokenState({
    createdAtMs: 1,
    expiresAtMs: 2,
    uses: 3,
    used: 1,
    nodeId: undefined,
    roles: ['node'],
  }),
  certificate: formats.encodeIssued({
    issuedAtMs: 1,
    nodeId: 'a',
    identityKeyId: id,
    tokenId: id,
    der: Uint8Array.of(1),
  }),
  name: formats.encodeNameOwner({ identityKeyId: id, serialNumber: Uint8Array.of(1) }),
  settings: formats.encodeSettings({
    mesh: 'm',
    signaturePolicy: 'hybrid',
    gossipFanout: 6,
    bootstrapPeers: ['/a'],
    pseudonymEpoch: 1,
  }),
  peer: formats.encodePeer({ learnedAtMs: 1, addresses: ['/a'] }),
  audit: formats.encodeAudit({ atMs: 1, event: 'token-created', nodeId: 'a', tokenId: id, serialNumber: undefined }),
}
const again: Record<keyof typeof values, (bytes: Uint8Array) => Uint8Array> = {
  token: (bytes) => formats.encodeTokenState(formats.decodeTokenState(bytes)),
  certificate: (bytes) => formats.encodeIssued(formats.decodeIssued(bytes)),
  name: (bytes) => formats.encodeNameOwner(formats.decodeNameOwner(bytes)),
  settings: (bytes) => formats.encodeSettings(formats.decodeSettings(bytes)),
  peer: (bytes) => formats.encodePeer(formats.decodePeer(bytes)),
  audit: (bytes) => formats.encodeAudit(formats.decodeAudit(bytes)),
}

/** As this release writes them: a later one must read them. */
const WRITTEN = {
  token: '870101020301f681646e6f6465',
  name: `83015820${'01'.repeat(32)}4101`,
  peer: '83010181622f61',
} as const

t.test('stored values read back, and keep their bytes', (t) => {
  for (const [name, bytes] of Object.entries(values)) {
    t.strictSame(again[name as keyof typeof values](bytes), bytes, name)
  }
  t.equal(Buffer.from(values.token).toString('hex'), WRITTEN.token)
  t.equal(Buffer.from(values.name).toString('hex'), WRITTEN.name)
  t.equal(Buffer.from(values.peer).toString('hex'), WRITTEN.peer)
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
