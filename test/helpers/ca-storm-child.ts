/**
 * Enrols, renews and revokes at the CA in directory argv[2], and kills its own process at the argv[3]th time that the CA
 * asks for randomness or writes to its log. Says on stdout what it tries, and what it got.
 */
import { type RandomSource, silentLogger, systemClock, systemRandom, toHex } from '../../core/index.ts'
import { buildCsr, LOCAL_ACTOR } from '../../enrollment/index.ts'
import { openCa } from '../../enrollment/store/index.ts'
import { parseChain } from '../../records/path/index.ts'
import { makeRequestKeys, testDependencies, testUnlock } from './ca.ts'
import { CRL_URL, renewalRequest, withNewIdentity } from './ca-members.ts'

const [, , home = '', last] = process.argv
let left = Number.POSITIVE_INFINITY
const point = () => {
  left -= 1
  if (left === 0) process.kill(process.pid, 'SIGKILL')
}
const [clock, system] = [systemClock(), systemRandom()]
let shiftMs = 0
const random: RandomSource = {
  bytes(length) {
    point()
    return system.bytes(length)
  },
}
const dependencies = testDependencies({
  random,
  clock: { ...clock, now: () => clock.now() + shiftMs },
  logger: { ...silentLogger(), info: point },
})
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const hex = (chain: readonly Uint8Array[]) => chain.map(toHex)

const ca = await openCa({ home, unlock: testUnlock() }, dependencies)
left = Number(last)
for (let at = 0; at < 6; at += 1) {
  const nodeId = `relay-${at}`
  const { token } = await ca.createToken({ nodeId })
  const keys = await makeRequestKeys(dependencies.provider)
  const csr = await buildCsr(keys)
  say({ tried: 'enroll', nodeId, token, csr: toHex(csr) })
  const enrolled = await ca.enroll({ token, csr, addresses: [] }, { crlUrl: CRL_URL })
  say({ done: 'enroll', nodeId, chain: hex(enrolled.chain) })

  const member = { keys, chain: parseChain(enrolled.chain) }
  const request = await renewalRequest(member, await withNewIdentity(member, dependencies.provider))
  const { csr: renewalCsr, currentSerialNumber } = request
  const serial = toHex(currentSerialNumber)
  say({ tried: 'rotate', nodeId, csr: toHex(renewalCsr), serial, presented: hex(enrolled.chain) })
  const renewal = await ca.rotate(request, member.chain)
  say({ done: 'rotate', nodeId, chain: hex(renewal.chain) })

  // A list of its own for each revocation, without waiting for the next second.
  shiftMs += 2000
  say({ tried: 'revoke', nodeId })
  await ca.revoke({ nodeId }, {}, LOCAL_ACTOR)
  say({ done: 'revoke', nodeId })
}
await ca.close()
