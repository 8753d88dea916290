import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import t from 'tap'
import { makeCa, Terminal } from './process.ts'

t.test('what cannot be read as a file is named, and no defect', async (t) => {
  const terminal = await Terminal.open(t)
  await mkdir(terminal.path('folder'))
  const [folder, absent, audit] = await Promise.all([
    terminal.refused('crl show folder'),
    terminal.refused('crl show absent'),
    terminal.refused('ca audit verify --file absent'),
  ])
  t.match(folder, { exit: 1, code: 'AGENT_FILE_READ', message: /folder \(EISDIR\)/, hint: /is it a file/ })
  t.match(absent, { exit: 1, code: 'AGENT_FILE_READ', message: /absent \(ENOENT\)/ })
  t.match(audit, { exit: 1, code: 'AGENT_FILE_READ' })
  t.match(await terminal.refused('crl show /dev/zero'), { exit: 1, code: 'AGENT_FILE_TOO_LARGE' }, 'it has no end')
})

t.test('a passphrase comes from a pipe, a missing key file is not a missing CA', async (t) => {
  const terminal = await Terminal.open(t)
  execFileSync('mkfifo', [terminal.path('pipe')])
  const [made] = await Promise.all([
    terminal.json('ca init --home ca --mesh north-grid --passphrase-file pipe'),
    terminal.json('ca init --home other --mesh north-grid --key-file other.key'),
    writeFile(terminal.path('pipe'), 'correct horse\n'),
  ])
  t.equal((await terminal.json('ca status --home ca', { GAPMESH_PASSPHRASE: 'correct horse' })).mesh, made.mesh)
  const [noKeyFile, wrong] = await Promise.all([
    terminal.refused('ca status --home other --key-file absent.key'),
    terminal.refused('ca status --home ca', { GAPMESH_PASSPHRASE: 'wrong horse' }),
  ])
  t.match(noKeyFile, { exit: 1, code: 'CRYPTO_KEYSTORE_MISSING', message: /absent\.key/ })
  t.match(wrong, { exit: 1, code: 'CRYPTO_KEYSTORE_WRONG_PASSPHRASE', hint: /keystore of its own/ })
})

t.test('at the CA: what was refused ends with 3, and says who must do what', async (t) => {
  const { terminal, key, at } = await makeCa(t)
  await writeFile(terminal.path('token'), (await terminal.json(`ca token ${at}`)).token)
  await terminal.json(`ca audit export ${at} --out audit`)
  const lines = (await readFile(terminal.path('audit'), 'utf8')).split('\n')
  await writeFile(terminal.path('garbage'), 'not an audit\n')
  await writeFile(terminal.path('cut'), lines.slice(1).join('\n'))
  const [garbage, cut, approve] = await Promise.all([
    terminal.refused('ca audit verify --file garbage'),
    terminal.refused('ca audit verify --file cut'),
    terminal.refused(`ca approve ${at}`),
  ])
  t.match(garbage, { exit: 3, code: 'ENROLLMENT_AUDIT_BROKEN', message: /entry 1/ })
  t.match(cut, { exit: 3, code: 'ENROLLMENT_AUDIT_BROKEN' })
  t.match(approve, { exit: 1, code: 'AGENT_CA_OPERATOR_NONE', hint: /--url URL and --operator DIR/ })
  const plain = await terminal.refused(`node enroll --ca http://ca --node-id a --token-file token ${key('a')}`)
  t.match(plain, { exit: 2, code: 'ENROLLMENT_URL', hint: /https:/ }, 'what was typed')
  const short = await terminal.run(`ca policy set ${at} --lifetime 90s`)
  t.match(short.out, /^certificate lifetime +90s$/m)
})

t.test('a database that does not open says why', async (t) => {
  const { terminal, at } = await makeCa(t)
  const server = await terminal.daemon(t, `ca serve ${at} --listen 127.0.0.1:0`)
  const second = await terminal.refused(`ca serve ${at} --listen 127.0.0.1:0`)
  t.match(second, { code: 'CORE_STORE_OPEN', message: /another process has it open/ })
  t.match(await server.end('SIGTERM'), { code: 0 })
  await copyFile(terminal.path('ca.key'), terminal.path('ca/db/CURRENT'))
  t.match(await terminal.refused(`ca status ${at}`), { code: 'CORE_STORE_OPEN', message: /CURRENT/ })
})

t.test('a command that waits ends at the first signal', async (t) => {
  const { terminal, key, at } = await makeCa(t)
  const { token } = await terminal.json(`ca token ${at}`)
  // It takes connections, and says nothing.
  const silent = createServer().listen(0, '127.0.0.1')
  t.teardown(() => silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as { port: number }
  const child = terminal.start(`node enroll --home a --ca https://127.0.0.1:${port} --node-id a ${key('a')} --json`, {
    GAPMESH_TOKEN: token,
  })
  const said: string[] = []
  child.stderr?.on('data', (chunk) => said.push(String(chunk)))
  const [connection] = await once(silent, 'connection')
  connection.on('error', () => {})
  child.kill('SIGINT')
  const [code] = await once(child, 'close')
  t.equal(code, 1)
  t.match(said.join(''), /AGENT_CLI_INTERRUPTED/)
})
