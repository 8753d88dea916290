/** Runs the node of home argv[2], whose keystore the key file argv[3] opens, and changes its certificate over and over. */
import { loadConfig } from '../../agent/config/index.ts'
import { nodeHome, startNode } from '../../agent/index.ts'
import { silentLogger, systemClock, systemRandom } from '../../core/index.ts'
import { unlockByKeyFile } from '../../crypto/store/index.ts'

const [, , directory = '', path = ''] = process.argv
const flags = { 'mesh.listen': [], 'mesh.mdns': false }
const config = await loadConfig({ home: directory, flags, env: {}, workingDirectory: '/' })
const dependencies = { clock: systemClock(), random: systemRandom(), logger: silentLogger() }
const node = await startNode({ home: nodeHome(directory), config, unlock: unlockByKeyFile({ path }) }, dependencies)
for (;;) {
  console.log('renewing')
  await node.parts.rotation.now()
}
