/** Serves the CA in directory argv[2] and kills its own process at the moment that argv[3] names. */
import { type RandomSource, silentLogger, systemRandom } from '../../core/index.ts'
import { serveCa } from '../../enrollment/api/index.ts'
import { openCa } from '../../enrollment/store/index.ts'
import { testDependencies, testUnlock } from './ca.ts'

const [, , home = '', moment] = process.argv
const die = () => process.kill(process.pid, 'SIGKILL')
let serving = false

const system = systemRandom()
const random: RandomSource = {
  bytes(length) {
    // The first randomness that a redemption asks for is its serial number.
    if (serving && moment === 'before the commit') die()
    return system.bytes(length)
  },
}
const logger = {
  ...silentLogger(),
  // Written when the certificate is on disk and the answer is not sent yet.
  info: () => void (moment === 'before the answer' && die()),
}

const dependencies = testDependencies({ random, logger })
const ca = await openCa({ home, unlock: testUnlock() }, dependencies)
const server = await serveCa({ ca, port: 0 }, dependencies)
serving = true
console.log(server.url)
