import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { enrollNode, serveCa } from '../../enrollment/api/index.ts'
import { openCa } from '../../enrollment/store/index.ts'
import { makeNodeKeystore, makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'

const dependencies = testDependencies()
const CHILD = fileURLToPath(new URL('../helpers/ca-child.ts', import.meta.url))

/** Enrols at a CA in another process that dies by SIGKILL at `moment`; what both sides are left with. */
async function enrolAcrossCrash(t: Test, moment: string) {
  const { ca, home } = await makeTestCa(t)
  const { token } = await ca.createToken({ nodeId: 'relay-7' })
  await ca.close()
  const keystore = await makeNodeKeystore(join(home, 'node'), dependencies)
  const child = spawn(process.execPath, [CHILD, home, moment], { env: {}, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const [line] = await once(child.stdout, 'data')
  const first = enrollNode({ keystore, token, url: String(line).trim() }, dependencies)
  await t.rejects(first, { code: 'ENROLLMENT_UNREACHABLE' })
  t.same(await exited, [null, 'SIGKILL'])

  const reopened = await openCa({ home, unlock: testUnlock() }, dependencies)
  t.teardown(() => reopened.close())
  const issuedByDead = (await reopened.status()).issued
  const server = await serveCa({ ca: reopened, port: 0 }, dependencies)
  t.teardown(() => server.close())
  return { reopened, issuedByDead, home, again: { keystore, token, url: server.url } }
}

t.test('killed between issue and answer: the same key gets that certificate, another key none', async (t) => {
  const { reopened, issuedByDead, home, again } = await enrolAcrossCrash(t, 'before the answer')
  t.equal(issuedByDead, 1)
  const stranger = await makeNodeKeystore(join(home, 'stranger'), dependencies)
  await t.rejects(enrollNode({ ...again, keystore: stranger }, dependencies), { code: 'ENROLLMENT_REFUSED' })
  const enrolled = await enrollNode(again, dependencies)
  for await (const entry of reopened.audit()) {
    if (entry.event === 'certificate-issued') t.strictSame(entry.serialNumber, enrolled.path.leaf.serialNumber)
  }
  t.equal((await reopened.status()).issued, 1)
})

t.test('killed before the commit: the token is untouched', async (t) => {
  const { reopened, issuedByDead, again } = await enrolAcrossCrash(t, 'before the commit')
  t.equal(issuedByDead, 0)
  t.equal((await enrollNode(again, dependencies)).nodeId, 'relay-7')
  t.match(await reopened.status(), { issued: 1, tokens: { used: 1 } })
})
