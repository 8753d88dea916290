// Compiles the sources into dist/: JavaScript and declarations, nothing bundled, and the demo's sample beside its code.
import { execFileSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
rmSync(join(root, 'dist'), { recursive: true, force: true })
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
copyFileSync(join(root, 'agent/demo/sample-eve.ndjson'), join(root, 'dist/agent/demo/sample-eve.ndjson'))
