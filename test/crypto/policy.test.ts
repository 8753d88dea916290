import fc from 'fast-check'
import t from 'tap'
import { toHex, utf8 } from '../../core/index.ts'
import {
  createNativeProvider,
  type HalfState,
  isSignaturePolicy,
  judgeHalves,
  type PublicKey,
  requiredHalves,
  type SignaturePolicy,
  signHybrid,
  verifyHybrid,
} from '../../crypto/index.ts'
import { codeOf, signatureProviders } from './support.ts'

const POLICIES: SignaturePolicy[] = ['classical-only', 'hybrid', 'quantum-only']
const STATES: HalfState[] = ['absent', 'valid', 'invalid', 'unknown']

function verdict(policy: SignaturePolicy, classical: HalfState, postQuantum: HalfState): string {
  const decision = judgeHalves(policy, { classical, 'post-quantum': postQuantum })
  return decision.ok ? 'ok' : `${decision.refusal.code} ${decision.refusal.metadata.half}`
}

t.test('which halves a policy requires', async (t) => {
  t.same(requiredHalves('classical-only'), ['classical'])
  t.same(requiredHalves('hybrid'), ['classical', 'post-quantum'])
  t.same(requiredHalves('quantum-only'), ['post-quantum'])
  for (const unknown of ['', 'Hybrid', 'toString']) {
    t.notOk(isSignaturePolicy(unknown))
    t.equal(await codeOf(() => requiredHalves(unknown as SignaturePolicy)), 'CRYPTO_POLICY_UNKNOWN')
    t.equal(verdict(unknown as SignaturePolicy, 'valid', 'valid'), 'CRYPTO_POLICY_UNKNOWN undefined')
  }
})

t.test('verdicts', async (t) => {
  const missing = 'CRYPTO_SIGNATURE_MISSING'
  for (const policy of POLICIES) t.equal(verdict(policy, 'valid', 'valid'), 'ok', `both halves satisfy ${policy}`)
  t.equal(verdict('classical-only', 'valid', 'absent'), 'ok')
  t.equal(verdict('classical-only', 'absent', 'valid'), `${missing} classical`)
  t.equal(verdict('hybrid', 'valid', 'absent'), `${missing} post-quantum`)
  t.equal(verdict('hybrid', 'absent', 'valid'), `${missing} classical`)
  t.equal(verdict('quantum-only', 'absent', 'valid'), 'ok')
  t.equal(verdict('quantum-only', 'valid', 'absent'), `${missing} post-quantum`)
})

t.test('every combination: no policy accepts an invalid, an unknown or no half', async () => {
  const combination = fc.record({
    policy: fc.constantFrom(...POLICIES),
    classical: fc.constantFrom(...STATES),
    postQuantum: fc.constantFrom(...STATES),
  })
  fc.assert(
    fc.property(combination, ({ policy, classical, postQuantum }) => {
      const found = verdict(policy, classical, postQuantum)
      const states = [classical, postQuantum]
      if (states.includes('invalid')) return found.startsWith('CRYPTO_SIGNATURE_INVALID')
      if (states.includes('unknown')) return found.startsWith('CRYPTO_SUITE_UNKNOWN')
      const halves = { classical, 'post-quantum': postQuantum }
      const satisfied = requiredHalves(policy).every((half) => halves[half] === 'valid')
      return satisfied ? found === 'ok' : found.startsWith('CRYPTO_SIGNATURE_MISSING')
    }),
    { numRuns: 500 },
  )
})

t.test('only an invalid signature is held against the peer', async (t) => {
  const action = (classical: HalfState) => {
    const decision = judgeHalves('hybrid', { classical, 'post-quantum': 'valid' })
    return decision.ok ? 'ok' : decision.refusal.action
  }
  t.equal(action('invalid'), 'reject')
  t.equal(action('absent'), 'ignore')
  t.equal(action('unknown'), 'ignore')
})

for (const provider of signatureProviders()) {
  t.test(`${provider.implementation}: hybrid signatures`, async (t) => {
    const classicalKey = await provider.generate('ecdsa-p384')
    const postQuantumKey = await provider.generate('ml-dsa-65')
    const message = utf8('one record')
    const signatures = await signHybrid({ classical: classicalKey, 'post-quantum': postQuantumKey }, message)
    const classical = { key: classicalKey.publicKey, signature: signatures.classical }
    const postQuantum = { key: postQuantumKey.publicKey, signature: signatures['post-quantum'] }
    const broken = { ...classical, signature: classical.signature.map((byte) => byte ^ 1) }

    t.same(await verifyHybrid(provider, { claims: { classical, 'post-quantum': postQuantum }, message }), {
      classical: 'valid',
      'post-quantum': 'valid',
    })
    t.same(await verifyHybrid(provider, { claims: { classical: broken, 'post-quantum': postQuantum }, message }), {
      classical: 'invalid',
      'post-quantum': 'valid',
    })
    t.same(await verifyHybrid(provider, { claims: { 'post-quantum': postQuantum }, message: utf8('another') }), {
      classical: 'absent',
      'post-quantum': 'invalid',
    })
    t.same(await verifyHybrid(provider, { claims: {}, message }), { classical: 'absent', 'post-quantum': 'absent' })

    const swapped = () => verifyHybrid(provider, { claims: { classical: postQuantum }, message })
    await t.rejects(swapped(), TypeError)
    await t.rejects(signHybrid({ classical: postQuantumKey }, message), TypeError)
  })

  t.test(`${provider.implementation}: each half can sign a frame of its own`, async (t) => {
    const keys = {
      classical: await provider.generate('ed25519'),
      'post-quantum': await provider.generate('ml-dsa-87'),
    }
    const frame = (key: PublicKey) => utf8(`${key.suite.coseAlgorithm} ${toHex(key.keyId)} payload`)
    const signatures = await signHybrid(keys, frame)
    const claims = {
      classical: { key: keys.classical.publicKey, signature: signatures.classical },
      'post-quantum': { key: keys['post-quantum'].publicKey, signature: signatures['post-quantum'] },
    }
    t.same(await verifyHybrid(provider, { claims, message: frame }), { classical: 'valid', 'post-quantum': 'valid' })
    t.same(await verifyHybrid(provider, { claims, message: utf8('payload') }), {
      classical: 'invalid',
      'post-quantum': 'invalid',
    })
  })
}

t.test('both halves are verified also when the first one is invalid', async (t) => {
  const provider = createNativeProvider()
  const classicalKey = await provider.generate('ed25519')
  const postQuantumKey = await provider.generate('ml-dsa-87')
  const claims = {
    classical: { key: classicalKey.publicKey, signature: new Uint8Array(64) },
    'post-quantum': { key: postQuantumKey.publicKey, signature: new Uint8Array(4627) },
  }
  const pending = verifyHybrid(provider, { claims, message: utf8('m') })
  t.equal(provider.inFlight, 2, 'at the same time')
  t.same(await pending, { classical: 'invalid', 'post-quantum': 'invalid' })
  t.equal(provider.inFlight, 0, 'and both are awaited')
})
