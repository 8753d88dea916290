import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import t from 'tap'
import { createNativeProvider } from '../../crypto/index.ts'
import { buildCsr, type Csr, ENROLLMENT_ERRORS, parseCsr, verifyCsr } from '../../enrollment/index.ts'
import { MAX_CSR_BYTES } from '../../enrollment/limits.ts'
import { derOid, OID } from '../../records/path/index.ts'
import { makeCsr, makeRequestKeys } from '../helpers/ca.ts'
import { at, type DerNode, encodeTree, leaf, parseTree } from '../helpers/der-tree.ts'
import { everyByte } from '../helpers/every-byte.ts'

const provider = createNativeProvider()
const { keys, csr: der } = await makeCsr(provider)
const attributesOf = (tree: DerNode) => at(tree, 0, 3).children!

function attribute(tree: DerNode, oid: string): DerNode {
  const wanted = Buffer.from(derOid(oid))
  return attributesOf(tree).find((candidate) => encodeTree(at(candidate, 0)).equals(wanted))!
}

/** The request after `change`, its attributes in DER order. */
function changed(change: (tree: DerNode) => void): Uint8Array {
  const tree = parseTree(der)
  change(tree)
  at(tree, 0)
    .children!.at(3)
    ?.children?.sort((a, b) => Buffer.compare(encodeTree(a), encodeTree(b)))
  return encodeTree(tree)
}

t.test('a request proves three keys and says nothing else', async (t) => {
  const csr = parseCsr(der)
  const verified = await verifyCsr(csr, provider)
  t.strictSame(verified.spki, keys.identityKey.publicKey.spki)
  t.strictSame(verified.altSpki, keys.deviceKey.publicKey.spki)
  t.strictSame(verified.overlayKey.publicKey.slice(4), keys.overlayKey.publicKey.spki.slice(-32))
  t.same(Object.keys(verified).sort(), ['altSpki', 'deviceKey', 'identityKey', 'overlayKey', 'spki'])
  t.equal(verified.identityKey.suite.name, 'ml-dsa-87')
})

t.test('other suites', async (t) => {
  for (const [identity, device] of [
    ['ml-dsa-65', 'ecdsa-p256'],
    ['ml-dsa-87', 'ecdsa-p384'],
  ] as const) {
    const other = {
      identityKey: await provider.generate(identity),
      deviceKey: await provider.generate(device),
      overlayKey: keys.overlayKey,
    }
    t.ok(await verifyCsr(parseCsr(await buildCsr(other)), provider), `${identity} and ${device}`)
  }
  await t.rejects(buildCsr({ ...keys, overlayKey: await provider.generate('ecdsa-p256') }), TypeError)
})

t.test('each of the three proofs counts', async (t) => {
  const other = await makeRequestKeys(provider)
  const lying = (key: 'identityKey' | 'deviceKey' | 'overlayKey') => ({
    ...keys,
    [key]: { publicKey: keys[key].publicKey, sign: (message: Uint8Array) => other[key].sign(message) },
  })
  for (const key of ['identity', 'device', 'overlay'] as const) {
    const csr = parseCsr(await buildCsr(lying(`${key}Key`)))
    await t.rejects(verifyCsr(csr, provider), { code: 'ENROLLMENT_CSR_PROOF', metadata: { key } }, key)
  }
  const swapped = changed((tree) => {
    at(tree, 0, 2).children = parseTree(other.identityKey.publicKey.spki).children!
  })
  await t.rejects(verifyCsr(parseCsr(swapped), provider), { code: 'ENROLLMENT_CSR_PROOF' }, 'a swapped subject key')
  const offCurve = `3076301006072a8648ce3d020106052b8104002203620004${'11'.repeat(96)}`
  const noPoint = changed((tree) => {
    at(attribute(tree, OID.subjectAltPublicKeyInfo), 1).children = [parseTree(Buffer.from(offCurve, 'hex'))]
    at(attribute(tree, OID.altSignatureAlgorithm), 1).children = [
      parseTree(Buffer.from('300a06082a8648ce3d040303', 'hex')),
    ]
    at(attribute(tree, OID.altSignatureValue), 1).children = [leaf(0x03, '003006020101020101')]
  })
  await t.rejects(verifyCsr(parseCsr(noPoint), provider), {
    code: 'ENROLLMENT_CSR_PROOF',
    metadata: { key: 'device' },
  })
})

t.test('the form is strict', (t) => {
  const refused: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['a byte after it', Buffer.concat([der, Buffer.of(0)])],
    ['version 1', changed((tree) => (at(tree, 0, 0).content = Buffer.of(1)))],
    [
      'a subject',
      changed((tree) => (at(tree, 0, 1).children = [{ tag: 0x31, children: [{ tag: 0x30, children: [] }] }])),
    ],
    ['no attributes', changed((tree) => void at(tree, 0).children!.pop())],
    ['an attribute missing', changed((tree) => void attributesOf(tree).pop())],
    ['an attribute twice', changed((tree) => (attributesOf(tree)[0] = structuredClone(attributesOf(tree)[1]!)))],
    [
      'an unknown attribute',
      changed(
        (tree) =>
          void attributesOf(tree).push({
            tag: 0x30,
            children: [leaf(0x06, '2a03'), { tag: 0x31, children: [leaf(0x05, '')] }],
          }),
      ),
    ],
    [
      'an attribute with two values',
      changed((tree) => {
        const values = at(attribute(tree, OID.altSignatureValue), 1).children!
        values.push(values[0]!)
      }),
    ],
    ['an attribute without value', changed((tree) => (at(attribute(tree, OID.altSignatureValue), 1).children = []))],
    [
      'another signature algorithm than the key',
      changed((tree) => (at(tree, 1, 0).content = Buffer.from('608648016503040312', 'hex'))),
    ],
    [
      'another alternative algorithm than the device key',
      changed(
        (tree) =>
          (at(attribute(tree, OID.altSignatureAlgorithm), 1, 0, 0).content = Buffer.from('2a8648ce3d040303', 'hex')),
      ),
    ],
    ['a short signature', changed((tree) => (at(tree, 2).content = Buffer.alloc(100)))],
    [
      'an ML-DSA device key',
      changed((tree) => (at(attribute(tree, OID.subjectAltPublicKeyInfo), 1).children = [at(tree, 0, 2)])),
    ],
    [
      'a classical identity key',
      changed((tree) => (at(tree, 0).children![2] = parseTree(keys.deviceKey.publicKey.spki))),
    ],
  ]
  for (const [what, bytes] of refused) t.throws(() => parseCsr(bytes), { code: 'ENROLLMENT_CSR_MALFORMED' }, what)
  const tree = parseTree(der)
  attributesOf(tree).reverse()
  t.throws(() => parseCsr(encodeTree(tree)), { code: 'ENROLLMENT_CSR_MALFORMED' }, 'attributes out of order')
  t.throws(() => parseCsr(new Uint8Array(MAX_CSR_BYTES + 1)), { code: 'ENROLLMENT_CSR_TOO_LARGE' })
  t.end()
})

t.test('mutated requests never verify and never fail otherwise than by a catalogued error', async (t) => {
  let parsed = 0
  const head = fc.record({
    at: fc.oneof(fc.nat(60), fc.integer({ min: 2640, max: 2900 }), fc.nat(der.length - 1)),
    byte: fc.nat(255),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(head, { minLength: 1, maxLength: 2 }), async (edits) => {
      const bytes = Buffer.from(der)
      for (const { at: index, byte } of edits) bytes[index] = byte
      if (bytes.equals(der)) return
      try {
        const csr = parseCsr(bytes)
        parsed += 1
        await verifyCsr(csr, provider)
      } catch (error) {
        if (ENROLLMENT_ERRORS.matches(error)) return
        throw error
      }
      throw new Error('an altered request was verified')
    }),
    { numRuns: 600 },
  )
  t.ok(parsed > 20, `${parsed} got as far as their signatures`)
})

t.test('no byte of a request is without meaning', (t) => {
  const signed = ({ info, signature }: Csr) => Buffer.concat([info, signature])
  const original = signed(parseCsr(der))
  const { read, refused } = everyByte(der, parseCsr, {
    refuses: ENROLLMENT_ERRORS.matches,
    means: (csr) => !signed(csr).equals(original),
  })
  t.ok(read > der.length && refused > der.length, `${read} read, ${refused} refused`)
  t.end()
})

const openssl = spawnSync('openssl', ['version']).status === 0

t.test('openssl reads the same', { skip: openssl ? false : 'there is no openssl on this machine' }, (t) => {
  const run = (...args: string[]) => spawnSync('openssl', args, { input: der, encoding: 'utf8' }).stdout
  const text = run('req', '-inform', 'DER', '-noout', '-text')
  t.match(text, 'Version: 1 (0x0)')
  t.match(text, /Subject: *\n/)
  const attributes = attributesOf(parseTree(der)).map((one) => encodeTree(at(one, 0)).toString('hex'))
  const listed = [...text.matchAll(/^ +([0-9.]+) *:unable to print attribute$/gm)].map(([, oid]) => oid ?? '')
  t.same(
    listed.map((oid) => Buffer.from(derOid(oid)).toString('hex')),
    attributes,
  )
  const identity = Buffer.from(keys.identityKey.publicKey.spki)
  const [, offset] = new RegExp(`^ *([0-9]+):d=2 +hl=4 l=${identity.length - 4} cons`, 'm').exec(
    run('asn1parse', '-inform', 'DER'),
  )!
  t.ok(identity.equals(der.subarray(Number(offset), Number(offset) + identity.length)), 'the identity key')
  t.end()
})
