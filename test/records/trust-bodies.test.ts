import fc from 'fast-check'
import t from 'tap'
import { systemRandom } from '../../core/index.ts'
import { issueOperatorCertificate } from '../../enrollment/index.ts'
import {
  type Directive,
  decodeCertificateBody,
  decodeDirective,
  encodeCertificateBody,
  encodeDirective,
  RECORDS_ERRORS,
  signRecord,
} from '../../records/index.ts'
import { parseCertificate } from '../../records/path/index.ts'
import { makeScene, NOW_MS } from './scene.ts'

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const timeMs = fc.nat(2 ** 31)

const directive: fc.Arbitrary<Directive> = fc.oneof(
  fc.record({
    kind: fc.constant('revoke' as const),
    authorityKeyId: hash,
    serialNumber: fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => bytes.with(0, (bytes[0] ?? 0) | 1)),
    subjectKeyId: hash,
    reason: fc.constantFrom(1, 2, 3, 4, 5, 9, 10),
    revokedAtMs: timeMs,
  }),
  fc.record({
    kind: fc.constant('rotate' as const),
    nodeId: fc.option(fc.stringMatching(/^[a-z][a-z0-9]{0,20}$/), { nil: undefined }),
    notLaterThanMs: timeMs,
  }),
)

t.test('directives survive their encoding', (t) => {
  fc.assert(
    fc.property(directive, (one) => t.strictSame(decodeDirective(encodeDirective(one)), { ...one })),
    { numRuns: 100 },
  )
  t.end()
})

t.test('a directive outside its form is refused', (t) => {
  const revoke = {
    kind: 'revoke',
    authorityKeyId: new Uint8Array(32),
    serialNumber: Uint8Array.of(1),
    subjectKeyId: new Uint8Array(32),
    reason: 1,
    revokedAtMs: 0,
  } as const
  const refused: Directive[] = [
    { ...revoke, authorityKeyId: new Uint8Array(31) },
    { ...revoke, serialNumber: Uint8Array.of() },
    { ...revoke, serialNumber: Uint8Array.of(0, 1) },
    { ...revoke, serialNumber: new Uint8Array(21).fill(1) },
    { ...revoke, subjectKeyId: new Uint8Array() },
    { ...revoke, reason: 0 },
    { ...revoke, reason: 6 },
    { ...revoke, reason: 8 },
    { ...revoke, revokedAtMs: Number.MAX_SAFE_INTEGER },
    { kind: 'rotate', nodeId: 'Not-A-Label', notLaterThanMs: 0 },
    { kind: 'rotate', nodeId: '', notLaterThanMs: 0 },
  ]
  for (const one of refused) t.throws(() => encodeDirective(one), { code: 'RECORDS_BODY_MALFORMED' })
  const rotate = encodeDirective({ kind: 'rotate', nodeId: undefined, notLaterThanMs: 1 })
  const wrongKind = rotate.with(1, 1)
  const bytes = [new Uint8Array(), rotate.subarray(0, -1), Uint8Array.of(...rotate, 0), wrongKind, rotate.with(2, 0xf5)]
  for (const one of bytes) t.throws(() => decodeDirective(one), { code: 'RECORDS_BODY_MALFORMED' })
  t.end()
})

t.test('altered bodies decode to what encodes to them, or are refused by their error', (t) => {
  const outcomes = { read: 0, refused: 0 }
  fc.assert(
    fc.property(directive, fc.nat(200), fc.nat(255), (one, at, byte) => {
      const good = encodeDirective(one)
      const bytes = good.with(at % good.length, byte)
      try {
        t.strictSame(encodeDirective(decodeDirective(bytes)), bytes)
        outcomes.read += 1
      } catch (error) {
        if (!RECORDS_ERRORS.matches(error, 'RECORDS_BODY_MALFORMED')) throw error
        outcomes.refused += 1
      }
    }),
    { numRuns: 300 },
  )
  t.ok(outcomes.read > 20 && outcomes.refused > 20, JSON.stringify(outcomes))
  t.end()
})

t.test('a chain survives its encoding; too many or too large certificates are refused', (t) => {
  const chain = [Uint8Array.of(1, 2), Uint8Array.of(3)]
  t.strictSame(decodeCertificateBody(encodeCertificateBody(chain)), chain)
  for (const bad of [[], [1, 2, 3, 4].map(() => Uint8Array.of(1)), [new Uint8Array(16_385)], [new Uint8Array()]]) {
    t.throws(() => encodeCertificateBody(bad), { code: 'RECORDS_BODY_MALFORMED' })
  }
  t.end()
})

t.test('only an operator gives directives, and an operator says nothing else', async (t) => {
  const scene = await makeScene()
  const { mesh } = scene
  const keys = {
    identityKey: await mesh.provider.generate('ml-dsa-87'),
    deviceKey: await mesh.provider.generate('ed25519'),
  }
  const certificate = await issueOperatorCertificate(
    {
      mesh: mesh.mesh,
      name: 'alice',
      keys: { spki: keys.identityKey.publicKey.spki, altSpki: keys.deviceKey.publicKey.spki },
      issuer: mesh.root,
      nowMs: NOW_MS,
    },
    { random: systemRandom() },
  )
  const signer = { ...scene.signer, ...keys }
  const author = { origin: 'alice', issuerKeyId: certificate.authorityKeyId, serialNumber: certificate.serialNumber }
  const body = encodeDirective({ kind: 'rotate', nodeId: undefined, notLaterThanMs: NOW_MS })
  const chainFor = () => [certificate, mesh.root.certificate].map(({ der }) => parseCertificate(der))
  const by = (changes: Parameters<typeof scene.content>[0]) => scene.content({ ...author, ...changes })

  const record = await signRecord(by({ type: 'directive', body }), signer, { policy: 'hybrid' })
  const verified = await scene.verify(record.bytes, { chainFor })
  t.match(verified, { origin: 'alice', decodedBody: { kind: 'rotate' }, author: { roles: ['operator'] } })

  const anomaly = await signRecord(by({}), signer, { policy: 'hybrid' })
  await t.rejects(scene.verify(anomaly.bytes, { chainFor }), { code: 'RECORDS_CERTIFICATE_REFUSED' })
  const usurped = await scene.sign({ type: 'directive', body })
  await t.rejects(scene.verify(usurped.bytes), { code: 'RECORDS_CERTIFICATE_REFUSED' })
})

t.test('a node tells its next chain', async (t) => {
  const scene = await makeScene()
  const body = encodeCertificateBody([scene.node.certificate.der])
  const record = await scene.sign({ type: 'certificate', body })
  t.strictSame((await scene.verify(record.bytes)).decodedBody, [scene.node.certificate.der])
})
