import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import t from 'tap'
import { concatBytes, fromHex, toHex, utf8 } from '../../core/index.ts'
import type { SuiteName } from '../../crypto/index.ts'
import { decodeSpki, encodePkcs8, encodeSpki } from '../../crypto/key-encoding.ts'
import { codeOf, hex, signatureProviders, vectors } from './support.ts'

interface SignatureVectors {
  suite: SuiteName
  /** Raw public keys, where cases name one by index. */
  keys?: string[]
  cases: { tcId: number; comment: string; spki?: string; key?: number; msg: string; sig: string; result: string }[]
}

const WYCHEPROOF = [
  'ed25519/wycheproof.json',
  'ecdsa/wycheproof-p256.json',
  'ecdsa/wycheproof-p384.json',
  'ml-dsa/wycheproof-ml-dsa-65.json',
  'ml-dsa/wycheproof-ml-dsa-87.json',
]

for (const provider of signatureProviders()) {
  const name = provider.implementation

  for (const file of WYCHEPROOF) {
    t.test(`${name}: ${file}`, async (t) => {
      const { suite, keys = [], cases } = vectors<SignatureVectors>(file)
      t.ok(cases.some(({ result }) => result === 'valid') && cases.some(({ result }) => result === 'invalid'))
      for (const { tcId, comment, spki, key = 0, msg, sig, result } of cases) {
        const encoded = spki === undefined ? encodeSpki(suite, hex(keys[key]!)) : hex(spki)
        const valid = await provider.verify(provider.importPublic(encoded), hex(msg), hex(sig))
        t.equal(valid, result === 'valid', `${tcId} ${comment}`)
      }
    })
  }

  t.test(`${name}: NIST ACVP, ML-DSA keys from seeds`, async (t) => {
    const { cases } = vectors<{ cases: { tcId: number; suite: SuiteName; seed: string; publicKey: string }[] }>(
      'ml-dsa/acvp-keygen.json',
    )
    t.equal(cases.length, 6)
    for (const { tcId, suite, seed, publicKey } of cases) {
      const key = provider.importPrivate(encodePkcs8(suite, hex(seed), hex(publicKey)))
      t.equal(toHex(decodeSpki(key.publicKey.spki).raw), publicKey, `${suite} ${tcId}`)
      t.ok(await provider.verify(key.publicKey, utf8('m'), await key.sign(utf8('m'))))
    }
  })

  t.test(`${name}: RFC 9881 example keys`, async (t) => {
    const { cases } = vectors<{ cases: { suite: SuiteName; pkcs8: string; spki: string }[] }>(
      'ml-dsa/rfc9881-examples.json',
    )
    t.equal(cases.length, 2)
    for (const { suite, pkcs8, spki } of cases) {
      const key = provider.importPrivate(hex(pkcs8))
      t.equal(key.publicKey.suite.name, suite)
      t.equal(toHex(key.publicKey.spki), spki)
      t.equal(toHex(key.exportPrivate()), pkcs8)
    }
  })

  t.test(`${name}: Ed25519 as RFC 8032 §7.1`, async (t) => {
    const seed = hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')
    const raw = hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
    const key = provider.importPrivate(encodePkcs8('ed25519', seed, raw))
    t.same(decodeSpki(key.publicKey.spki).raw, raw)
    t.equal(
      toHex(await key.sign(new Uint8Array())),
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    )
  })

  t.test(`${name}: a signature that is valid only after multiplication by the cofactor is not valid`, async (t) => {
    const { signature, spki, message } = cofactorOnlySignature()
    t.equal(
      ed25519.verify(signature, message, decodeSpki(spki).raw, { zip215: false }),
      true,
      'with the cofactor it is',
    )
    t.equal(await provider.verify(provider.importPublic(spki), message, signature), false)
  })

  t.test(`${name}: Ed25519 public keys of small order or not on the curve`, async (t) => {
    const refused = [
      '0100000000000000000000000000000000000000000000000000000000000000',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      '0000000000000000000000000000000000000000000000000000000000000000',
      '0000000000000000000000000000000000000000000000000000000000000080',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
      'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // y = p: zero, not canonical
      'f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // y = p + 3: on the curve, not canonical
      '0200000000000000000000000000000000000000000000000000000000000000', // y = 2: not on the curve
    ]
    for (const raw of refused) {
      t.equal(
        await codeOf(() => provider.importPublic(encodeSpki('ed25519', fromHex(raw)))),
        'CRYPTO_KEY_MALFORMED',
        raw,
      )
    }
  })
}

/** R carries a point of order 8, which only the cofactored equation removes. */
function cofactorOnlySignature(): { signature: Uint8Array; spki: Uint8Array; message: Uint8Array } {
  const { Point } = ed25519
  const message = utf8('torsion')
  const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(new Uint8Array(32).fill(1))
  const nonce = 123456789n
  const torsion = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
  const r = Point.BASE.multiply(nonce).add(torsion).toBytes()
  const digest = Buffer.from(sha512(concatBytes(r, pointBytes, message)))
    .reverse()
    .toString('hex')
  const s = Point.Fn.create(nonce + Point.Fn.create(BigInt(`0x${digest}`)) * scalar)
  return { signature: concatBytes(r, Point.Fn.toBytes(s)), spki: encodeSpki('ed25519', pointBytes), message }
}
