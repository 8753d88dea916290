import fc from 'fast-check'
import t from 'tap'
import { REVOKE_REASONS } from '../../enrollment/crl/index.ts'
import { DEFAULT_POLICY, ENROLLMENT_ERRORS } from '../../enrollment/index.ts'
import {
  encodeApprovals,
  encodePolicyBody,
  encodeRenewal,
  encodeRenewalAnswer,
  encodeRevocation,
  encodeTokenAnswer,
  encodeTokenRequest,
  type RevocationBody,
  readApprovals,
  readPolicyAnswer,
  readPolicyBody,
  readPseudonymAnswer,
  readRenewal,
  readRenewalAnswer,
  readRevocation,
  readTokenAnswer,
  readTokenRequest,
} from '../../enrollment/wire-member.ts'

const serialNumber = Uint8Array.of(0x4f, 0)
const renewal = { csr: Uint8Array.of(1, 2), currentSerialNumber: serialNumber }
const renewed = {
  chain: [Uint8Array.of(1), Uint8Array.of(2)],
  notBeforeMs: Date.UTC(2026, 0, 1),
  notAfterMs: Date.UTC(2026, 0, 8, 12, 30, 1),
  grace: { used: 1, left: 2 },
}
const policy = { ...DEFAULT_POLICY, allow: ['a', 'b'], maxNodes: 0, namePattern: '*' }

t.test('bodies read back', (t) => {
  t.strictSame(readRenewal(JSON.parse(encodeRenewal(renewal))), renewal)
  t.strictSame(readRenewalAnswer(JSON.stringify(encodeRenewalAnswer(renewed))), renewed)
  t.equal(encodeRenewalAnswer(renewed).valid_not_after, '2026-01-08T12:30:01Z')
  const ungraced = { ...renewed, grace: undefined }
  t.strictSame(readRenewalAnswer(JSON.stringify(encodeRenewalAnswer(ungraced))), ungraced)
  const token = { token: 'gm1.x', expiresAtMs: 1_767_225_600_123 }
  t.strictSame(readTokenAnswer(JSON.stringify(encodeTokenAnswer(token))), token, 'to the millisecond')
  t.strictSame(readPolicyBody(JSON.parse(JSON.stringify(encodePolicyBody(policy)))), policy)
  t.strictSame(readPolicyAnswer(JSON.stringify(encodePolicyBody(DEFAULT_POLICY))), { ...DEFAULT_POLICY })
  const approvals = { approvedBy: ['alice'], needed: 2 }
  t.strictSame(readApprovals(JSON.stringify(encodeApprovals(approvals))), approvals)
  t.strictSame(readTokenRequest(JSON.parse(encodeTokenRequest({}))), { nodeId: undefined, lifetimeMs: undefined })
  t.end()
})

t.test('revocations read back, whatever they name', (t) => {
  const targets: fc.Arbitrary<RevocationBody['target']> = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 20 }).map((serialNumber) => ({ serialNumber })),
    fc.constantFrom('a', 'relay-7').map((nodeId) => ({ nodeId })),
    fc.constantFrom('alice').map((operator) => ({ operator })),
  )
  const whens = fc.option(fc.integer({ min: 0, max: 253_402_300_799 }), { nil: undefined })
  const reasons = fc.option(fc.constantFrom(...REVOKE_REASONS), { nil: undefined })
  fc.assert(
    fc.property(targets, reasons, whens, (target, reason, seconds) => {
      const body = { target, reason, invalidityMs: seconds === undefined ? undefined : seconds * 1000 }
      t.strictSame(readRevocation(JSON.parse(encodeRevocation(body))), body)
    }),
    { numRuns: 100 },
  )
  for (const json of [{}, { serial: '00', node_id: 'a' }, { node_id: 'a', operator: 'b' }, { serial: '0' }]) {
    t.throws(() => readRevocation(json), { code: 'ENROLLMENT_REQUEST_MALFORMED' }, JSON.stringify(json))
  }
  for (const invalid_since of ['1969-12-31T23:59:59Z', '2026-13-01T00:00:00Z', '2026-01-01', 'now']) {
    t.throws(() => readRevocation({ node_id: 'a', invalid_since }), { code: 'ENROLLMENT_REQUEST_MALFORMED' })
  }
  t.end()
})

t.test('anything else is refused by a catalogued error', (t) => {
  const readers: [string, unknown, (json: unknown) => unknown][] = [
    ['renewal', JSON.parse(encodeRenewal(renewal)), readRenewal],
    ['revocation', JSON.parse(encodeRevocation({ target: { serialNumber } })), readRevocation],
    ['token', JSON.parse(encodeTokenRequest({ uses: 2, labels: ['x'] })), readTokenRequest],
    ['policy', encodePolicyBody(policy), readPolicyBody],
    ['renewed', encodeRenewalAnswer(renewed), (json) => readRenewalAnswer(JSON.stringify(json) ?? '')],
    ['made', encodeTokenAnswer({ token: 'x', expiresAtMs: 0 }), (json) => readTokenAnswer(JSON.stringify(json) ?? '')],
    ['approvals', encodeApprovals({ approvedBy: [], needed: 0 }), (json) => readApprovals(JSON.stringify(json) ?? '')],
    ['pseudonym', { epoch: 1, key: 'A'.repeat(43) }, (json) => readPseudonymAnswer(JSON.stringify(json) ?? '')],
  ]
  for (const [what, good, read] of readers) {
    const outcomes = { read: 0, refused: 0 }
    const names = Object.keys(good as object)
    const near = fc.option(fc.tuple(fc.constantFrom(...names), fc.jsonValue()), { freq: 2 }).map((other) => {
      return other === null ? good : { ...(good as object), [other[0]]: other[1] }
    })
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), near), (json) => {
        try {
          read(json)
          outcomes.read += 1
        } catch (error) {
          if (!ENROLLMENT_ERRORS.matches(error)) throw error
          outcomes.refused += 1
        }
      }),
      { numRuns: 200 },
    )
    t.ok(outcomes.read > 10 && outcomes.refused > 10, `${what}: ${JSON.stringify(outcomes)}`)
  }
  t.end()
})
