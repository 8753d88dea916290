import t from 'tap'
import { isSignaturePolicy, requiredHalves, type SignaturePolicy } from '../../crypto/index.ts'
import { codeOf } from './support.ts'

t.test('which halves a policy requires', async (t) => {
  t.same(requiredHalves('classical-only'), ['classical'])
  t.same(requiredHalves('hybrid'), ['classical', 'post-quantum'])
  t.same(requiredHalves('quantum-only'), ['post-quantum'])
  for (const unknown of ['', 'Hybrid', 'toString']) {
    t.notOk(isSignaturePolicy(unknown))
    t.equal(await codeOf(() => requiredHalves(unknown as SignaturePolicy)), 'CRYPTO_POLICY_UNKNOWN')
  }
})
