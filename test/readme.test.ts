import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from './helpers/sources.ts'

const README = await readFile(join(ROOT, 'README.md'), 'utf8')
const blocks = [...README.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text = '']) => text)

t.test('the first screen is one sentence and two lines that the package knows', async (t) => {
  const scripts = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')).scripts
  t.match(blocks[0], /^npm ci && npm run demo\b.*\nnpm ci && npm test\b/)
  t.ok(scripts.demo && scripts.test)
  t.ok(README.indexOf('npm ci && npm test') < 600, 'both lines are on the first screen')
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

/** The snippet as a script: a port and a log of the test's own, and an agent that is stopped when it is ready. */
async function scriptOf(snippet: string, log: string): Promise<string> {
  const lines = snippet
    .replaceAll('127.0.0.1:8443', `127.0.0.1:${await freePort()}`)
    .replace('/var/log/suricata/eve.json', log)
    .replace(' &\n', ' > ca.txt & ca=$!\nuntil grep -qs open ca.txt; do kill -0 $ca; sleep 0.1; done\n')
    .replace(/^(gapmesh run .*)$/m, '$1 --mesh-listen /ip4/127.0.0.1/tcp/0 --mesh-mdns false > agent.txt & agent=$!')
  return `set -e
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
${lines}
until grep -qs sensor-1 agent.txt; do kill -0 $agent; sleep 0.1; done
gapmesh status --home sensor-1
kill $agent $ca
wait $agent $ca
`
}

t.test('the commands of the README make a mesh', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'gm-readme-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const log = join(directory, 'eve.json')
  await writeFile(log, '')
  const command = `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'bin/gapmesh.cjs')}' "$@"\n`
  await writeFile(join(directory, 'gapmesh'), command, { mode: 0o755 })
  const snippet = blocks.find((block) => block.includes('gapmesh ca init')) ?? ''
  const child = spawn('bash', ['-c', await scriptOf(snippet, log)], {
    cwd: directory,
    env: {
      PATH: `${directory}:${process.env.PATH ?? ''}`,
      HOME: directory,
      GAPMESH_PASSPHRASE: 'a passphrase of the test',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  const code = await new Promise((resolve) => child.once('close', resolve))
  const text = Buffer.concat(output).toString()
  t.equal(code, 0, text)
  t.match(text, /north-grid/)
})
