// The command `gapmesh`. Started by bin/gapmesh.cjs, which has checked the runtime.
import { processIo, runCli } from './cli/index.ts'
import { packageVersion } from './version.ts'

const code = await runCli(process.argv.slice(2), {
  version: packageVersion(),
  io: processIo(),
  loadActions: async () => (await import('./actions/index.ts')).createActions(),
})
// Everything is closed by now, but a timer that libp2p leaves behind would hold the process for another second.
process.exit(code)
