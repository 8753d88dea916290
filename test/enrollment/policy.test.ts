import fc from 'fast-check'
import t from 'tap'
import { MAX_ALLOWED_NODES } from '../../enrollment/limits.ts'
import {
  type Candidate,
  checkedPolicy,
  checkPolicy,
  DEFAULT_POLICY,
  decodePolicy,
  type EnrollmentPolicy,
  encodePolicy,
  matchesPattern,
} from '../../enrollment/policy.ts'

const candidate: Candidate = { nodeId: 'relay-7', isMember: false, members: 3, attested: false }

t.test('the default admits anyone', (t) => {
  t.doesNotThrow(() => checkPolicy(DEFAULT_POLICY, candidate))
  t.end()
})

t.test('each rule admits and refuses by itself, and says which it is', (t) => {
  const cases: [Partial<EnrollmentPolicy>, Partial<Candidate>, string | undefined][] = [
    [{ allow: ['relay-7'] }, {}, undefined],
    [{ allow: ['relay-8'] }, {}, 'allow'],
    [{ allow: [] }, {}, 'allow'],
    [{ namePattern: 'relay-*' }, {}, undefined],
    [{ namePattern: 'sensor-*' }, {}, 'namePattern'],
    [{ maxNodes: 4 }, {}, undefined],
    [{ maxNodes: 3 }, {}, 'maxNodes'],
    [{ maxNodes: 3 }, { isMember: true }, undefined],
    [{ attestation: 'required' }, {}, 'attestation'],
    [{ attestation: 'required' }, { attested: true }, undefined],
  ]
  for (const [policy, changes, rule] of cases) {
    const check = () => checkPolicy({ ...DEFAULT_POLICY, ...policy }, { ...candidate, ...changes })
    if (rule === undefined) t.doesNotThrow(check, JSON.stringify(policy))
    else t.throws(check, { code: 'ENROLLMENT_POLICY', metadata: { rule } }, JSON.stringify([policy, changes]))
  }
  t.end()
})

t.test('patterns mean what the same regular expression means', (t) => {
  const pattern = fc.stringMatching(/^[ab*?]{0,6}$/)
  const outcomes = { fits: 0, differs: 0 }
  fc.assert(
    fc.property(fc.stringMatching(/^[ab]{0,7}$/), pattern, (text, like) => {
      const expected = new RegExp(`^${like.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text)
      outcomes[expected ? 'fits' : 'differs'] += 1
      return matchesPattern(text, like) === expected
    }),
    { numRuns: 2000 },
  )
  t.ok(outcomes.fits > 50 && outcomes.differs > 50, JSON.stringify(outcomes))
  t.notOk(matchesPattern('a'.repeat(63), `${'a*'.repeat(31)}b`), 'an unlucky pattern costs nothing')
  t.end()
})

t.test('the longest policy reads back', (t) => {
  const allow = Array.from({ length: MAX_ALLOWED_NODES }, (_, at) => `n${'x'.repeat(57)}${10_000 + at}`)
  const policy = checkedPolicy({ ...DEFAULT_POLICY, allow, maxNodes: Number.MAX_SAFE_INTEGER })
  t.same(decodePolicy(encodePolicy(policy)), policy)
  t.end()
})

t.test('a policy outside its bounds is refused by the name of the member', (t) => {
  const refused: Partial<Record<keyof EnrollmentPolicy, unknown>>[] = [
    { allow: ['Not a label'] },
    { allow: Array.from({ length: MAX_ALLOWED_NODES + 1 }, (_, at) => `n${at}`) },
    { maxNodes: -1 },
    { namePattern: '' },
    { namePattern: '(a+)+' },
    { attestation: 'sometimes' },
    { revokeOnRemoval: 1 },
    { leafLifetimeMs: 9_999 },
    { leafLifetimeMs: 367 * 86_400_000 },
    { graceMs: -1 },
    { graceCount: 1001 },
  ]
  for (const flaw of refused) {
    const policy = { ...DEFAULT_POLICY, ...flaw } as EnrollmentPolicy
    t.throws(() => checkedPolicy(policy), { code: 'ENROLLMENT_POLICY_MALFORMED' }, Object.keys(flaw)[0]!)
  }
  t.end()
})

t.test('what lies on disk is read strictly', (t) => {
  const policy = { ...DEFAULT_POLICY, allow: ['a', 'b'], maxNodes: 9, namePattern: 'a*', revokeOnRemoval: true }
  t.strictSame(decodePolicy(encodePolicy(policy)), policy)
  t.strictSame(decodePolicy(encodePolicy(DEFAULT_POLICY)), { ...DEFAULT_POLICY })
  for (const bytes of [new Uint8Array(), Uint8Array.of(0x80), encodePolicy(policy).slice(0, -1)]) {
    t.throws(() => decodePolicy(bytes), { code: 'ENROLLMENT_CA_DAMAGED' })
  }
  t.end()
})
