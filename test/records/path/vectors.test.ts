import { readFileSync } from 'node:fs'
import t from 'tap'
import { fromHex } from '../../../core/index.ts'
import { createNativeProvider, type SignaturePolicy } from '../../../crypto/index.ts'
import { noRevocations, parseChain, type Role, validatePath } from '../../../records/path/index.ts'

interface Vectors {
  mesh: string
  /** Hexadecimal. */
  rootFingerprint: string
  cases: {
    name: string
    chain: string[]
    atMs: number
    signaturePolicy?: SignaturePolicy
    nodeId?: string
    roles?: Role[]
    code?: string
  }[]
  /** DER in base64 by name. */
  certificates: Record<string, string>
}

const file = new URL('../../vectors/x509/paths.json', import.meta.url)
const { mesh, rootFingerprint, cases, certificates }: Vectors = JSON.parse(readFileSync(file, 'utf8'))

t.test('paths that an earlier release wrote are judged as they were', async (t) => {
  t.ok(cases.length >= 12)
  const provider = createNativeProvider()
  for (const { name, chain, atMs, signaturePolicy = 'hybrid', nodeId, roles, code } of cases) {
    const judged = validatePath(
      {
        chain: parseChain(chain.map((part) => Buffer.from(certificates[part]!, 'base64'))),
        atMs,
        revocations: noRevocations(),
        policy: { mesh, rootFingerprint: fromHex(rootFingerprint), signaturePolicy, purpose: 'node' },
      },
      { provider },
    )
    if (code === undefined) t.match(await judged, { nodeId, roles }, name)
    else await t.rejects(judged, { code }, name)
  }
})
