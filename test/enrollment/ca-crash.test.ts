import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { fromHex, SimulatedRandom, systemClock, toHex } from '../../core/index.ts'
import { parseCrl } from '../../enrollment/crl/index.ts'
import { LOCAL_ACTOR } from '../../enrollment/index.ts'
import { type MeshCa, openCa } from '../../enrollment/store/index.ts'
import { parseChain } from '../../records/path/index.ts'
import { makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'
import { CRL_URL } from '../helpers/ca-members.ts'

const CHILD = fileURLToPath(new URL('../helpers/ca-storm-child.ts', import.meta.url))
const clock = systemClock()
// An hour later, so that lists are not of a second that the child has used.
const later = testDependencies({ clock: { ...clock, now: () => clock.now() + 3_600_000 } })
/** Places in the life of three nodes: some 12 for each. */
const PLACES = 36
const RUNS = 7

interface Line {
  tried?: 'enroll' | 'rotate' | 'revoke'
  done?: 'enroll' | 'rotate' | 'revoke'
  nodeId: string
  token: string
  csr: string
  serial: string
  presented: string[]
  chain: string[]
}

async function runUntil(home: string, place: number): Promise<Line[]> {
  const child = spawn(process.execPath, [CHILD, home, String(place)], { env: {}, stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, exited] = await Promise.all([text(child.stdout), once(child, 'exit')])
  t.same(exited, [null, 'SIGKILL'], `killed at ${place}`)
  const lines = output.split('\n').filter((line) => line.endsWith('}'))
  return lines.map((line) => JSON.parse(line) as Line)
}

/** Asks again for what got no answer; the CA must give what it had decided, or decide now. */
async function repeat(ca: MeshCa, line: Line): Promise<string[] | undefined> {
  if (line.tried === 'enroll') {
    const request = { token: line.token, csr: fromHex(line.csr), addresses: [] }
    return (await ca.enroll(request, { crlUrl: CRL_URL })).chain.map(toHex)
  }
  if (line.tried === 'rotate') {
    const request = { csr: fromHex(line.csr), currentSerialNumber: fromHex(line.serial) }
    return (await ca.rotate(request, parseChain(line.presented.map(fromHex)))).chain.map(toHex)
  }
  await ca.revoke({ nodeId: line.nodeId }, {}, LOCAL_ACTOR)
  return undefined
}

async function checkAfter(t: Test, ca: MeshCa, lines: readonly Line[]): Promise<void> {
  const last = lines.at(-1)
  const answers = lines.filter(({ done }) => done === 'enroll' || done === 'rotate')
  const before = (await ca.status()).issued
  t.ok(before === answers.length || before === answers.length + 1, 'one certificate at most that nobody got')
  if (last?.tried !== undefined) {
    const answer = await repeat(ca, last)
    t.same(await repeat(ca, last).catch((error) => error.code), answer, `${last.tried} again is the same again`)
    t.equal((await ca.status()).issued, answers.length + (answer === undefined ? 0 : 1))
  }
  for (const { chain } of answers) {
    const [leaf] = parseChain(chain.map(fromHex))
    let known = false
    for await (const { serialNumber } of ca.list()) known ||= toHex(serialNumber) === toHex(leaf!.serialNumber)
    t.ok(known, 'what was answered is known')
  }
  const [own] = await ca.lists()
  const revoked = lines.filter(({ done, tried }) => done === 'revoke' || (tried === 'revoke' && last?.tried === tried))
  const listed = [...parseCrl(own!.full.der).entries].length
  t.equal(listed, 2 * new Set(revoked.map(({ nodeId }) => nodeId)).size, 'what was revoked is listed')
  t.equal(parseCrl(own!.full.der).pseudonym?.epoch, (await ca.pseudonym()).epoch)
  await ca.verifyAudit()
}

const random = new SimulatedRandom(20_260_301)
for (let run = 0; run < RUNS; run += 1) {
  const spread = Math.floor((run * PLACES) / RUNS)
  const place = 1 + spread + ((random.bytes(1)[0] ?? 0) % Math.ceil(PLACES / RUNS))
  t.test(`killed at place ${place}`, async (t) => {
    const { ca, home } = await makeTestCa(t)
    await ca.close()
    const lines = await runUntil(home, place)
    const reopened = await openCa({ home, unlock: testUnlock() }, later)
    t.teardown(() => reopened.close())
    await checkAfter(t, reopened, lines)
  })
}
