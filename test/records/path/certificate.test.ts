import { createVerify, verify, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  type Certificate,
  derOid,
  MAX_CERTIFICATE_BYTES,
  OID,
  PATH_ERRORS,
  parseCertificate,
  parseChain,
  signatureToX509,
} from '../../../records/path/index.ts'
import { at, type DerNode, encodeTree, leaf, parseTree } from '../../helpers/der-tree.ts'
import { everyByte } from '../../helpers/every-byte.ts'
import { makeTestMesh } from '../../helpers/pki.ts'

const pki = await makeTestMesh({
  mesh: 'north-grid',
  nodes: ['relay-7', { nodeId: 'p384', deviceSuite: 'ecdsa-p384' }],
})
const relay = pki.node('relay-7')
const der = relay.certificate.der

/** The relay's certificate after `change` to its tree. */
function changed(change: (tree: DerNode) => void): Uint8Array {
  const tree = parseTree(der)
  change(tree)
  return encodeTree(tree)
}

const tbsOf = (tree: DerNode) => at(tree, 0)
const extensionsOf = (tree: DerNode) => at(tree, 0, 7, 0).children!

function extensionOf(tree: DerNode, oid: string): DerNode {
  const wanted = Buffer.from(derOid(oid))
  return extensionsOf(tree).find((extension) => encodeTree(at(extension, 0)).equals(wanted))!
}

/** Replaces the DER inside the OCTET STRING of an extension. */
function setValue(tree: DerNode, oid: string, hex: string): void {
  at(extensionOf(tree, oid), -1).content = Buffer.from(hex, 'hex')
}

const utf8Hex = (text: string) => Buffer.from(text).toString('hex')

t.test('a node certificate says what went into it', (t) => {
  const certificate = parseCertificate(der)
  t.match(certificate, {
    serialNumber: { length: 20 },
    signatureSuite: 'ml-dsa-87',
    altSignatureSuite: 'ecdsa-p384',
    uris: ['spiffe://north-grid/node/relay-7'],
    dnsNames: ['relay-7.north-grid'],
    bundleEndpoints: ['dtn://relay-7.north-grid/'],
    roles: ['node'],
    basicConstraints: { ca: false },
    extendedKeyUsage: [OID.serverAuth, OID.clientAuth, OID.bundleSecurity],
    nameConstraints: undefined,
  })
  t.same([...(certificate.keyUsage ?? [])], ['digitalSignature'])
  t.strictSame(certificate.spki, relay.identityKey.publicKey.spki)
  t.strictSame(certificate.altSpki, relay.deviceKey.publicKey.spki)
  t.strictSame(certificate.overlayKey?.publicKey, relay.overlayPublicKey)
  t.strictSame(certificate.subjectKeyId, relay.identityKey.publicKey.keyId)
  t.strictSame(certificate.authorityKeyId, pki.root.certificate.subjectKeyId)
  t.equal(certificate.notAfterMs - certificate.notBeforeMs, 7 * 24 * 3600_000 + 5 * 60_000)
  t.end()
})

t.test('a root certificate says what went into it', (t) => {
  t.match(pki.root.certificate, {
    basicConstraints: { ca: true, pathLength: 2 },
    nameConstraints: { dns: ['north-grid'], uri: ['north-grid'] },
    uris: [],
    dnsNames: [],
    bundleEndpoints: [],
    roles: [],
    overlayKey: undefined,
  })
  t.ok(pki.root.certificate.keyUsage?.has('keyCertSign'))
  t.strictSame(pki.root.certificate.issuerName, pki.root.certificate.subjectName)
  t.end()
})

t.test('OpenSSL reads the same certificate', (t) => {
  const native = new X509Certificate(der)
  const root = new X509Certificate(pki.root.certificate.der)
  t.equal(native.serialNumber.toLowerCase(), Buffer.from(relay.certificate.serialNumber).toString('hex'))
  t.match(native.subjectAltName, /^URI:spiffe:\/\/north-grid\/node\/relay-7, DNS:relay-7\.north-grid, othername:/)
  t.equal(Date.parse(native.validFrom), relay.certificate.notBeforeMs)
  t.equal(Date.parse(native.validTo), relay.certificate.notAfterMs)
  t.ok(native.verify(root.publicKey), 'the ML-DSA signature')
  t.ok(root.verify(root.publicKey))
  t.ok(native.checkIssued(root))
  t.end()
})

t.test('the alternative signature covers what X.509 (10/2019) §9.8.2 says', (t) => {
  for (const certificate of [relay.certificate, pki.root.certificate]) {
    const tree = parseTree(certificate.der)
    const tbs = tbsOf(tree)
    const value = extensionOf(tree, OID.altSignatureValue)
    t.equal(extensionsOf(tree).at(-1), value, 'the value is the last extension')
    extensionsOf(tree).pop()
    tbs.children!.splice(2, 1)
    const covered = encodeTree(tbs)
    t.strictSame(Buffer.from(certificate.altTbs!), covered)
    const signature = parseTree(at(value, -1).content!).content!.subarray(1)
    const key = pki.root.keys.alternative!.publicKey.keyObject
    t.ok(createVerify('sha384').update(covered).verify(key, signature))
    t.strictSame(Buffer.from(signatureToX509('ecdsa-p384', certificate.altSignature!)), signature)
    t.notOk(verify('sha384', Buffer.concat([covered, Buffer.of(0)]), key, signature))
  }
  t.end()
})

const refusals: [what: string, code: string, change: (tree: DerNode) => void][] = [
  ['version 1', 'RECORDS_CERT_VERSION', (tree) => tbsOf(tree).children!.shift()],
  ['version 2', 'RECORDS_CERT_VERSION', (tree) => (at(tree, 0, 0, 0).content = Buffer.of(1))],
  ['a serial number of zero', 'RECORDS_CERT_SERIAL', (tree) => (at(tree, 0, 1).content = Buffer.of(0))],
  ['a negative serial number', 'RECORDS_CERT_SERIAL', (tree) => (at(tree, 0, 1).content = Buffer.of(0x80))],
  ['a serial number of 21 bytes', 'RECORDS_CERT_SERIAL', (tree) => (at(tree, 0, 1).content = Buffer.alloc(21, 1))],
  ['a padded serial number', 'RECORDS_DER_INTEGER', (tree) => (at(tree, 0, 1).content = Buffer.of(0, 1))],
  [
    'another outer algorithm',
    'RECORDS_CERT_ALGORITHM_MISMATCH',
    (tree) => (at(tree, 1, 0).content = Buffer.from('608648016503040312', 'hex')),
  ],
  [
    'an unknown algorithm',
    'RECORDS_CERT_ALGORITHM',
    (tree) => {
      for (const path of [
        [0, 2, 0],
        [1, 0],
      ])
        at(tree, ...path).content = Buffer.from('2a864886f70d01010b', 'hex')
    },
  ],
  [
    'parameters in the algorithm',
    'RECORDS_CERT_ALGORITHM',
    (tree) => {
      for (const path of [[0, 2], [1]]) at(tree, ...path).children!.push(leaf(0x05, ''))
    },
  ],
  ['a short signature', 'RECORDS_CERT_SIGNATURE_FORMAT', (tree) => (at(tree, 2).content = Buffer.alloc(4627))],
  ['a signature with loose bits', 'RECORDS_DER_BITS', (tree) => (at(tree, 2).content![0] = 1)],
  ['an empty subject', 'RECORDS_CERT_NAME', (tree) => (at(tree, 0, 5).children = [])],
  ['a name in Latin-1', 'RECORDS_CERT_NAME', (tree) => (at(tree, 0, 5, 0, 0, 1).tag = 0x14)],
  [
    'a name above the cap',
    'RECORDS_CERT_NAME',
    (tree) => (at(tree, 0, 5, 0, 0, 1).content = Buffer.from('a'.repeat(512))),
  ],
  ['an end before the beginning', 'RECORDS_CERT_VALIDITY', (tree) => void at(tree, 0, 4).children!.reverse()],
  [
    'a GeneralizedTime before 2050',
    'RECORDS_DER_TIME',
    (tree) => (at(tree, 0, 4).children![0] = leaf(0x18, utf8Hex('20260101000000Z'))),
  ],
  ['three times', 'RECORDS_DER_TRAILING', (tree) => void at(tree, 0, 4).children!.push(at(tree, 0, 4, 0))],
  [
    'a subject key that is not ML-DSA',
    'RECORDS_CERT_ALGORITHM',
    (tree) => (tbsOf(tree).children![6] = parseTree(relay.deviceKey.publicKey.spki)),
  ],
  ['a truncated subject key', 'RECORDS_CERT_KEY', (tree) => (at(tree, 0, 6, 1).content = Buffer.alloc(2592))],
  ['no extensions', 'RECORDS_CERT_EXTENSION_COUNT', (tree) => void tbsOf(tree).children!.pop()],
  ['an empty list of extensions', 'RECORDS_CERT_EXTENSION_COUNT', (tree) => (at(tree, 0, 7, 0).children = [])],
  [
    'too many extensions',
    'RECORDS_CERT_EXTENSION_COUNT',
    (tree) => {
      for (let count = 0; count < 24; count += 1) {
        extensionsOf(tree).push({
          tag: 0x30,
          children: [leaf(0x06, `2a${(count + 1).toString(16).padStart(2, '0')}`), leaf(0x04, '')],
        })
      }
    },
  ],
  ['unique identifiers', 'RECORDS_DER_TAG', (tree) => void tbsOf(tree).children!.splice(7, 0, leaf(0x81, '00ff'))],
  [
    'an extension twice',
    'RECORDS_CERT_EXTENSION_DUPLICATE',
    (tree) => void extensionsOf(tree).push(extensionOf(tree, OID.keyUsage)),
  ],
  [
    'an unknown critical extension',
    'RECORDS_CERT_EXTENSION_CRITICAL',
    (tree) =>
      void extensionsOf(tree).push({ tag: 0x30, children: [leaf(0x06, '2a03'), leaf(0x01, 'ff'), leaf(0x04, '0500')] }),
  ],
  [
    'keyUsage that is not critical',
    'RECORDS_CERT_EXTENSION_CRITICALITY',
    (tree) => void extensionOf(tree, OID.keyUsage).children!.splice(1, 1),
  ],
  [
    'a critical altSignatureValue',
    'RECORDS_CERT_EXTENSION_CRITICALITY',
    (tree) => void extensionOf(tree, OID.altSignatureValue).children!.splice(1, 0, leaf(0x01, 'ff')),
  ],
  [
    'critical FALSE written out',
    'RECORDS_DER_BOOLEAN',
    (tree) => void extensionOf(tree, OID.roles).children!.splice(1, 0, leaf(0x01, '00')),
  ],
  [
    'a path length without CA',
    'RECORDS_CERT_EXTENSION_VALUE',
    (tree) => setValue(tree, OID.basicConstraints, '3003020100'),
  ],
  ['an undefined key usage bit', 'RECORDS_CERT_EXTENSION_VALUE', (tree) => setValue(tree, OID.keyUsage, '0303060040')],
  ['an empty extended key usage', 'RECORDS_DER_LENGTH', (tree) => setValue(tree, OID.extendedKeyUsage, '3000')],
  [
    'an IP address as a name',
    'RECORDS_CERT_EXTENSION_VALUE',
    (tree) => setValue(tree, OID.subjectAltName, '300687047f000001'),
  ],
  [
    'an otherName that is no bundle endpoint',
    'RECORDS_CERT_EXTENSION_VALUE',
    (tree) => setValue(tree, OID.subjectAltName, `3012a01006082b06010505070801a0041602612f`),
  ],
  [
    'a bundle endpoint that is no IA5String (RFC 9174 §4.4.2)',
    'RECORDS_DER_TAG',
    (tree) => setValue(tree, OID.subjectAltName, `3012a01006082b0601050507080ba0040c02612f`),
  ],
  [
    'a bundle endpoint with a NUL',
    'RECORDS_DER_STRING',
    (tree) => setValue(tree, OID.subjectAltName, `3012a01006082b0601050507080ba00416026100`),
  ],
  [
    'a bundle endpoint twice in one name',
    'RECORDS_DER_TRAILING',
    (tree) => setValue(tree, OID.subjectAltName, `3016a01406082b0601050507080ba0081602612f1602612f`),
  ],
  ['an indefinite length', 'RECORDS_DER_LENGTH', (tree) => setValue(tree, OID.roles, '30800c046e6f64650000')],
  [
    'a name that is too long',
    'RECORDS_DER_STRING',
    (tree) => setValue(tree, OID.subjectAltName, `3082010482820100${'61'.repeat(256)}`),
  ],
  ['too many roles', 'RECORDS_DER_LENGTH', (tree) => setValue(tree, OID.roles, `3036${'0c046e6f6465'.repeat(9)}`)],
  ['a subject key above the cap', 'RECORDS_DER_TOO_LARGE', (tree) => (at(tree, 0, 6, 1).content = Buffer.alloc(4096))],
  ['too many names', 'RECORDS_DER_LENGTH', (tree) => setValue(tree, OID.subjectAltName, `301b${'820161'.repeat(9)}`)],
  [
    'an authority key identifier by name and serial number',
    'RECORDS_DER_TRAILING',
    (tree) => setValue(tree, OID.authorityKeyIdentifier, `3025${`8020${'00'.repeat(32)}`}820101`),
  ],
  ['a role nobody knows', 'RECORDS_CERT_EXTENSION_VALUE', (tree) => setValue(tree, OID.roles, '30060c04726f6f74')],
  [
    'roles out of order',
    'RECORDS_CERT_EXTENSION_VALUE',
    (tree) => setValue(tree, OID.roles, `3011${`0c09${utf8Hex('validator')}`}${`0c04${utf8Hex('node')}`}`),
  ],
  [
    'no subject key identifier',
    'RECORDS_CERT_KEY_ID',
    (tree) => {
      const kept = extensionsOf(tree).filter((extension) => extension !== extensionOf(tree, OID.subjectKeyIdentifier))
      at(tree, 0, 7, 0).children = kept
    },
  ],
  [
    'another key in the subject key identifier',
    'RECORDS_CERT_KEY_ID',
    (tree) => setValue(tree, OID.subjectKeyIdentifier, `0420${'00'.repeat(32)}`),
  ],
  [
    'an overlay key that is not Ed25519',
    'RECORDS_CERT_EXTENSION_VALUE',
    (tree) =>
      setValue(tree, OID.overlaySignedKey, `3068${`0424${`08021220${'00'.repeat(32)}`}`}${`0440${'00'.repeat(64)}`}`),
  ],
  [
    'an ML-DSA device key',
    'RECORDS_CERT_ALGORITHM',
    (tree) =>
      setValue(tree, OID.subjectAltPublicKeyInfo, Buffer.from(relay.identityKey.publicKey.spki).toString('hex')),
  ],
  [
    'an alternative signature without algorithm',
    'RECORDS_CERT_ALTERNATIVE',
    (tree) => {
      const kept = extensionsOf(tree).filter((extension) => extension !== extensionOf(tree, OID.altSignatureAlgorithm))
      at(tree, 0, 7, 0).children = kept
    },
  ],
  ['an alternative algorithm without signature', 'RECORDS_CERT_ALTERNATIVE', (tree) => void extensionsOf(tree).pop()],
  [
    'an alternative signature whose r is too long',
    'RECORDS_CERT_SIGNATURE_FORMAT',
    (tree) => setValue(tree, OID.altSignatureValue, `033b00${`3038${`0233${`01${'00'.repeat(50)}`}`}`}020101`),
  ],
]

t.test('every rule of the profile has its refusal', (t) => {
  for (const [what, code, change] of refusals) t.throws(() => parseCertificate(changed(change)), { code }, what)
  const trailing = Buffer.concat([der, Buffer.of(0)])
  t.throws(() => parseCertificate(trailing), { code: 'RECORDS_DER_TRAILING' })
  t.throws(() => parseCertificate(new Uint8Array(MAX_CERTIFICATE_BYTES + 1)), { code: 'RECORDS_CERT_TOO_LARGE' })
  t.throws(() => parseChain([der, der, der, der, der]), { code: 'RECORDS_PATH_TOO_LONG' })
  t.end()
})

t.test('name constraints other than permitted DNS names and URIs are refused', async (t) => {
  const root = (hex: string) => {
    const tree = parseTree(pki.root.certificate.der)
    setValue(tree, OID.nameConstraints, hex)
    return () => parseCertificate(encodeTree(tree))
  }
  t.same(root('3007a0053003820161')().nameConstraints, { dns: ['a'], uri: [] })
  t.throws(root('3007a1053003820161'), { code: 'RECORDS_DER_TAG' }, 'excluded')
  t.throws(root('300aa008300687047f000001'), { code: 'RECORDS_CERT_EXTENSION_VALUE' }, 'an address')
  t.throws(root('300aa0083006820161800101'), { code: 'RECORDS_DER_TRAILING' }, 'a minimum')
})

t.test('an unknown extension that is not critical is passed over', (t) => {
  const certificate = parseCertificate(
    changed((tree) => extensionsOf(tree).push({ tag: 0x30, children: [leaf(0x06, '2a03'), leaf(0x04, '0500')] })),
  )
  t.equal(certificate.uris.length, 1)
  t.end()
})

t.test('a parsed certificate does not change with the bytes it came from', (t) => {
  const input = Uint8Array.from(der)
  const certificate = parseCertificate(input)
  input.fill(0)
  t.strictSame(certificate.der, der)
  t.strictSame(certificate.spki, relay.identityKey.publicKey.spki)
  t.end()
})

t.test('mutated certificates either parse or fail with a catalogued error', (t) => {
  let parsed = 0
  let refused = 0
  const edit = fc.record({ at: fc.nat(der.length - 1), byte: fc.nat(255), cut: fc.nat(3) })
  // The head and the extensions are where structure is; the large keys and signatures would swallow most edits.
  const structural = fc.record({
    at: fc.oneof(fc.nat(220), fc.integer({ min: 2830, max: 3340 })),
    byte: fc.nat(255),
    cut: fc.nat(1),
  })
  fc.assert(
    fc.property(fc.array(fc.oneof(edit, structural), { minLength: 1, maxLength: 3 }), (edits) => {
      let bytes = Buffer.from(der)
      for (const { at: index, byte, cut } of edits) {
        bytes[index % bytes.length] = byte
        if (cut === 3) bytes = bytes.subarray(0, index + 1)
      }
      try {
        parseCertificate(bytes)
        parsed += 1
      } catch (error) {
        if (!PATH_ERRORS.matches(error)) throw error
        refused += 1
      }
    }),
    { numRuns: 3000 },
  )
  t.ok(parsed > 50 && refused > 500, `${parsed} parsed, ${refused} refused`)
  t.end()
})

t.test('no byte of a certificate is without meaning', (t) => {
  const signed = ({ tbs, signature }: Certificate) => Buffer.concat([tbs, signature])
  const original = signed(parseCertificate(der))
  const { read, refused } = everyByte(der, parseCertificate, {
    refuses: PATH_ERRORS.matches,
    means: (certificate) => !signed(certificate).equals(original),
  })
  t.ok(read > der.length && refused > der.length, `${read} read, ${refused} refused`)
  t.end()
})
