// npm run interop: exchanges bundles with other implementations, in a network namespace of its own (Linux, root or
// unprivileged user namespaces). Needs cargo, python3 and the registries at the first run.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { exchangeWithDtn7, installDtn7 } from './dtn7.ts'
import { exchangeWithPyd3tn, installPyd3tn } from './pyd3tn.ts'

const root = join(import.meta.dirname, '..', '..', '.interop')

if (process.argv[2] === 'inside') {
  const results = [
    ...(await exchangeWithDtn7(await installDtn7(root))),
    ...(await exchangeWithPyd3tn(await installPyd3tn(root))),
  ]
  process.exit(results.some(({ error }) => error !== undefined) ? 1 : 0)
}
console.log('installing the peers; the first time takes some minutes')
await installDtn7(root)
await installPyd3tn(root)
const again = `ip link set lo up && exec ${process.execPath} ${import.meta.filename} inside`
const { status } = spawnSync('unshare', ['--user', '--map-root-user', '--net', 'sh', '-c', again], { stdio: 'inherit' })
process.exit(status ?? 1)
