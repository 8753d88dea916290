import { readFileSync } from 'node:fs'
import t from 'tap'
import { toHex } from '../../../core/index.ts'
import { createNativeProvider } from '../../../crypto/index.ts'
import { parseCrl, type RevocationList, verifyCrl } from '../../../enrollment/crl/index.ts'
import { parseCertificate } from '../../../records/path/index.ts'

interface Vectors {
  /** Certificate, DER in base64. */
  issuer: string
  cases: {
    name: string
    /** Base64. */
    der: string
    list?: unknown
    code?: string
  }[]
}

const file = new URL('../../vectors/crl/lists.json', import.meta.url)
const { issuer, cases }: Vectors = JSON.parse(readFileSync(file, 'utf8'))

/** What a case says of a list. */
function described(list: RevocationList) {
  const entries = [...list.entries].map(({ serialNumber, revokedAtMs, reason, invalidityMs = null, keyHash }) => ({
    serialNumber: toHex(serialNumber),
    revokedAtMs,
    reason,
    invalidityMs,
    keyHash: keyHash === undefined ? null : toHex(keyHash),
  }))
  return {
    number: String(list.number),
    baseNumber: list.baseNumber === undefined ? null : String(list.baseNumber),
    thisUpdateMs: list.thisUpdateMs,
    nextUpdateMs: list.nextUpdateMs,
    pseudonymEpoch: list.pseudonym?.epoch ?? null,
    entries,
  }
}

t.test('lists that an earlier release wrote are read and judged as they were', async (t) => {
  t.equal(cases.length, 10)
  const ca = parseCertificate(Buffer.from(issuer, 'base64'))
  const policy = { provider: createNativeProvider(), signaturePolicy: 'hybrid' } as const
  const judge = async (der: string) => {
    const list = parseCrl(Buffer.from(der, 'base64'))
    await verifyCrl(list, ca, policy)
    return described(list)
  }
  for (const { name, der, list, code } of cases) {
    if (code === undefined) t.same(await judge(der), list, name)
    else await t.rejects(judge(der), { code }, name)
  }
})
