// A CA in a process of its own, beside a TLS server that does nothing: `node ca-child.ts DIRECTORY`. Ends with its parent.
import { constants } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { silentLogger, systemClock, systemRandom } from '../core/index.ts'
import { createNativeProvider } from '../crypto/index.ts'
import { unlockByKeyFile } from '../crypto/store/index.ts'
import { serveCa } from '../enrollment/api/index.ts'
import { initCa } from '../enrollment/store/index.ts'

const [directory = '.'] = process.argv.slice(2)
const dependencies = {
  provider: createNativeProvider(),
  clock: systemClock(),
  random: systemRandom(),
  logger: silentLogger(),
}
const unlock = unlockByKeyFile({ path: join(directory, 'ca.key') })
const ca = await initCa({ home: join(directory, 'ca'), mesh: 'bench', unlock }, dependencies)
const unlimited = { rateBurst: 1_000_000, ratePerMinute: 10_000_000, tokenRate: 1_000_000 }
const server = await serveCa({ ca, port: 0, ...unlimited }, dependencies)
const { certificateChain: cert, privateKey: key } = await ca.issueServerIdentity()
const bare = createServer(
  {
    cert,
    key,
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_256_GCM_SHA384',
    ecdhCurve: 'SecP384r1MLKEM1024',
    sigalgs: 'mldsa87',
    secureOptions: constants.SSL_OP_NO_TICKET,
  },
  (socket) => socket.on('error', () => undefined).end(),
)
bare.listen(0, '127.0.0.1', () => {
  process.send?.({ url: server.url, barePort: (bare.address() as AddressInfo).port })
})
process.on('message', async (count: number) => {
  const made = await Promise.all(Array.from({ length: count }, () => ca.createToken()))
  process.send?.({ tokens: made.map(({ token }) => token) })
})
process.on('disconnect', () => process.exit())
