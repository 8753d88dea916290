import fc from 'fast-check'
import t from 'tap'
import { ENROLLMENT_ERRORS, encodePem } from '../../enrollment/index.ts'
import { encodeAnswer, encodeRequest, readAnswer, readRequest } from '../../enrollment/wire.ts'

const request = { token: 'gm1.x', csr: Uint8Array.of(1, 2), nodeId: 'relay-7', addresses: ['/ip4/10.0.0.1/tcp/1'] }
const answer = {
  chain: [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)],
  config: {
    signaturePolicy: 'hybrid',
    gossipFanout: 6,
    bootstrapPeers: ['/ip4/10.0.0.1/tcp/1'],
    crlUrl: 'https://ca.example/v1/crl',
    pseudonym: { epoch: 1, key: new Uint8Array(32).fill(0xfb) },
  },
} as const

t.test('requests and answers read back', (t) => {
  t.strictSame(readRequest(JSON.parse(encodeRequest(request))), request)
  t.strictSame(readRequest({ ...JSON.parse(encodeRequest(request)), csr: 'AQI=' }), request, 'DER in base64')
  const least = { token: 'gm1.x', csr: Uint8Array.of(1), nodeId: undefined, addresses: [] }
  t.strictSame(readRequest(JSON.parse(encodeRequest(least))), least)
  t.same(Object.keys(JSON.parse(encodeRequest(least))), ['token', 'csr'])
  t.strictSame(readAnswer(JSON.stringify(encodeAnswer(answer))), answer)
  t.same(encodeAnswer(answer).config, {
    bootstrap_peers: ['/ip4/10.0.0.1/tcp/1'],
    gossip_fanout: 6,
    crl_url: 'https://ca.example/v1/crl',
    policy: 'hybrid',
    pseudonym: { epoch: 1, key: `${'-_v7'.repeat(10)}-_s` },
  })
  t.end()
})

t.test('requests outside the form are refused', (t) => {
  const good = JSON.parse(encodeRequest(request))
  const refused: unknown[] = [
    undefined,
    null,
    'text',
    [],
    {},
    { ...good, token: undefined },
    { ...good, token: 1 },
    { ...good, token: 'x'.repeat(257) },
    { ...good, csr: 1 },
    { ...good, csr: 'AQI' },
    { ...good, csr: 'AQJ=' },
    { ...good, csr: good.csr + good.csr },
    { ...good, csr: encodePem('CERTIFICATE', request.csr) },
    { ...good, node_id: null },
    { ...good, node_id: 'Relay' },
    { ...good, addresses: 'x' },
    { ...good, addresses: ['x'] },
    { ...good, roles: ['operator'] },
    { ...good, attestation: 'tpm' },
    { ...good, attestation: { type: 'tpm' } },
    Object.create(good),
  ]
  for (const json of refused) {
    t.throws(() => readRequest(json), { code: /^ENROLLMENT_(?:REQUEST_MALFORMED|PEM)$/ }, JSON.stringify(json))
  }
  t.end()
})

t.test('answers outside the form are refused', (t) => {
  const good = encodeAnswer(answer) as { config: { pseudonym: object } }
  const config = (changes: object) => ({ ...good, config: { ...good.config, ...changes } })
  const refused: unknown[] = [
    null,
    {},
    { ...good, ca_cert: undefined },
    { ...good, certificate: 'x' },
    { ...good, extra: 1 },
    config({ extra: 1 }),
    config({ bootstrap_peers: ['x'] }),
    config({ gossip_fanout: 0 }),
    config({ gossip_fanout: 65 }),
    config({ gossip_fanout: 1.5 }),
    config({ crl_url: 'http://ca.example/v1/crl' }),
    config({ crl_url: `https://ca.example/${'x'.repeat(512)}` }),
    config({ crl_url: undefined }),
    config({ policy: 'none' }),
    config({ pseudonym: { epoch: 0, key: 'x' } }),
    config({ pseudonym: { ...good.config.pseudonym, key: 'AAAA' } }),
    config({ pseudonym: { ...good.config.pseudonym, key: `${'-_v7'.repeat(10)}-_t` } }),
    config({ pseudonym: { ...good.config.pseudonym, key: `${'+/v7'.repeat(10)}+/s` } }),
  ]
  for (const json of refused) {
    t.throws(() => readAnswer(JSON.stringify(json)), { code: 'ENROLLMENT_ANSWER_MALFORMED' }, JSON.stringify(json))
  }
  t.throws(() => readAnswer('{'), { code: 'ENROLLMENT_ANSWER_MALFORMED' })
  t.end()
})

t.test('any JSON is read or refused by a catalogued error', (t) => {
  /** As it should be, or with one member that is something else. */
  const near = (good: Record<string, unknown>) =>
    fc
      .option(fc.tuple(fc.constantFrom(...Object.keys(good)), fc.jsonValue()), { freq: 2 })
      .map((other) => (other === null ? good : { ...good, [other[0]]: other[1] }))
  const outcomes = { read: 0, refused: 0 }
  const attempt = (read: () => unknown) => {
    try {
      read()
      outcomes.read += 1
    } catch (error) {
      if (!ENROLLMENT_ERRORS.matches(error)) throw error
      outcomes.refused += 1
    }
  }
  const requests = fc.oneof(fc.jsonValue(), near(JSON.parse(encodeRequest(request))))
  fc.assert(
    fc.property(requests, (json) => attempt(() => readRequest(json))),
    { numRuns: 300 },
  )
  t.ok(outcomes.read > 20 && outcomes.refused > 20, `requests: ${JSON.stringify(outcomes)}`)
  Object.assign(outcomes, { read: 0, refused: 0 })
  const answers = fc.oneof(fc.jsonValue(), near(encodeAnswer(answer)))
  fc.assert(
    fc.property(answers, (json) => attempt(() => readAnswer(JSON.stringify(json)))),
    { numRuns: 300 },
  )
  t.ok(outcomes.read > 20 && outcomes.refused > 20, `answers: ${JSON.stringify(outcomes)}`)
  t.end()
})
