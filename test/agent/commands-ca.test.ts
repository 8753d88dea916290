import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { Terminal } from './process.ts'

const PASSPHRASE = { GAPMESH_PASSPHRASE: 'correct horse' }

t.test('a mesh is made, once', async (t) => {
  const terminal = await Terminal.open(t)
  const made = await terminal.json('ca init --home ca --mesh north-grid', PASSPHRASE)
  t.equal(made.mesh, 'north-grid')
  t.match(made.root.fingerprint, /^[0-9a-f]{64}$/)
  const [again, badName, wrong, none] = await Promise.all([
    terminal.refused('ca init --home ca --mesh south-grid', PASSPHRASE),
    terminal.refused('ca init --home other --mesh North_Grid', PASSPHRASE),
    terminal.refused('ca status --home ca', { GAPMESH_PASSPHRASE: 'wrong horse' }),
    terminal.refused('ca status --home ca'),
  ])
  t.match(again, { exit: 1, out: '', code: 'ENROLLMENT_CA_EXISTS', hint: /nothing was changed/ })
  t.match(badName, { exit: 2, code: 'AGENT_CLI_USAGE', message: /--mesh.*DNS label/ })
  t.notOk(existsSync(terminal.path('other')), 'nothing was made')
  t.match(wrong, { exit: 1, code: 'CRYPTO_KEYSTORE_WRONG_PASSPHRASE' })
  t.match(none, { exit: 1, code: 'AGENT_CLI_SECRET_NONE', hint: /--passphrase-file/ })
  t.same(await terminal.json('ca status --home ca', PASSPHRASE), made, 'the second attempts changed nothing')
  const text = await terminal.run('ca status --home ca', PASSPHRASE)
  t.match(text, { code: 0, err: '', out: new RegExp(`^root +${made.root.fingerprint}$`, 'm') })
  t.match(await terminal.refused('ca status --home nowhere', PASSPHRASE), { exit: 1, code: 'ENROLLMENT_CA_MISSING' })
})

t.test('nodes enrol with one-time tokens', async (t) => {
  const terminal = await Terminal.open(t)
  const key = (name: string) => `--key-file ${terminal.path(`${name}.key`)}`
  const [ca] = await Promise.all([
    terminal.json(`ca init --home ca --mesh north-grid ${key('ca')}`),
    terminal.json(`ca init --home foreign --mesh north-grid ${key('foreign')}`),
  ])
  const offline = await terminal.json(`ca token --home ca --node-id sensor-1 ${key('ca')}`)
  t.ok(offline.token.startsWith(`gm1.north-grid.${ca.root.fingerprint}.`), 'without a serving CA')
  const foreign = await terminal.json(`ca token --home foreign ${key('foreign')}`)

  const server = await terminal.daemon(t, `ca serve --home ca --listen 127.0.0.1:0 ${key('ca')}`)
  const enrol = `node enroll --ca ${server.said.url}`
  await t.test('while the CA serves, its socket is asked and needs no key', async (t) => {
    const status = await terminal.json('ca status --home ca')
    t.match(status, { root: ca.root, issued: 0, tokens: { open: 1 } })
    const [second, long, badNode] = await Promise.all([
      terminal.refused(`ca serve --home ca --listen 127.0.0.1:0 ${key('ca')}`),
      terminal.refused('ca token --home ca --valid-for 31d'),
      terminal.refused('ca token --home ca --node-id -x-'),
    ])
    t.match(second, { exit: 1, code: 'CORE_STORE_OPEN', hint: /another gapmesh process/ })
    t.match(long, { exit: 2, message: /at most 30d/ })
    t.match(badNode, { exit: 2, message: /DNS label/ })
  })

  await t.test('a token from a file', async (t) => {
    await writeFile(terminal.path('token'), `${offline.token}\n`)
    const line = `${enrol} --home sensor-1 --node-id sensor-1 --token-file token ${key('sensor-1')}`
    const enrolled = await terminal.json(line)
    t.match(enrolled, { mesh: 'north-grid', node_id: 'sensor-1', root_fingerprint: ca.root.fingerprint })
    t.same(await terminal.json(line), enrolled, 'the same node may ask again')
    const other = await terminal.refused(line.replace('--node-id sensor-1', '--node-id sensor-9'))
    t.match(other, { exit: 1, code: 'AGENT_HOME_OTHER_IDENTITY', message: /sensor-1 in north-grid, not sensor-9/ })
    const identity = await readFile(terminal.path('sensor-1/node.json'), 'utf8')
    const elsewhere = await terminal.refused(line.replace(' --token-file token', ''), { GAPMESH_TOKEN: foreign.token })
    t.match(elsewhere, { exit: 1, code: 'AGENT_HOME_OTHER_IDENTITY', hint: /another --home/ }, 'a mesh of that name')
    t.equal(await readFile(terminal.path('sensor-1/node.json'), 'utf8'), identity)
    const below = await terminal.refused(line.replace('--home sensor-1', '--home token/below'))
    t.match(below, { exit: 1, code: 'AGENT_CLI_SYSTEM', message: /ENOTDIR.*token\/below/ })
    const thief = await terminal.refused(`${enrol} --home thief --node-id sensor-1 --token-file token ${key('thief')}`)
    t.match(thief, { exit: 3, code: 'ENROLLMENT_REFUSED' }, 'another may not')
    t.notOk(existsSync(terminal.path('thief/node.json')))
    t.match(await terminal.json('ca status --home ca'), { issued: 1, tokens: { open: 0, used: 1 } })
    t.match(server.log, /TOKEN_USED/, 'the reason is in the log of the CA')
  })

  await t.test('a token from the environment, and refusals', async (t) => {
    const { token } = await terminal.json('ca token --home ca --valid-for 10m')
    const fresh = `${enrol} --home sensor-2 --node-id sensor-2 ${key('sensor-2')}`
    const [garbage, typo, wrongCa, plain, nobody] = await Promise.all([
      terminal.refused(fresh, { GAPMESH_TOKEN: 'garbage' }),
      terminal.refused(`${enrol} --home b --node-id b ${key('b')}`, { GAPMESH_TOKEN: `${token.slice(0, -1)}!` }),
      terminal.refused(`${enrol} --home c --node-id c ${key('c')}`, { GAPMESH_TOKEN: foreign.token }),
      terminal.refused(`node enroll --ca http://127.0.0.1:1 --home d --node-id d ${key('d')}`, {
        GAPMESH_TOKEN: token,
      }),
      terminal.refused(`node enroll --ca https://127.0.0.1:1 --home e --node-id e ${key('e')}`, {
        GAPMESH_TOKEN: token,
      }),
    ])
    t.match(garbage, { exit: 3, code: 'ENROLLMENT_TOKEN_FORMAT' })
    t.match(typo, { exit: 3, code: /^ENROLLMENT_TOKEN_(CHECKSUM|FORMAT)$/ })
    t.match(wrongCa, { exit: 3, code: 'ENROLLMENT_SERVER_UNTRUSTED', message: /the token was not sent/ })
    t.match(plain, { exit: 2, code: 'ENROLLMENT_URL' })
    t.match(nobody, { exit: 1, code: 'ENROLLMENT_UNREACHABLE', hint: /firewall/ })
    t.match(
      await terminal.json(fresh, { GAPMESH_TOKEN: token }),
      { node_id: 'sensor-2' },
      'nothing of it used the token',
    )
    const noToken = await terminal.refused(`${enrol} --home f --node-id f ${key('f')}`)
    t.match(noToken, { exit: 1, code: 'AGENT_CLI_TOKEN_NONE', hint: /--token-file/ })
  })

  const { code, tookMs } = await server.end('SIGTERM')
  t.equal(code, 0)
  t.ok(tookMs < 2_000, `SIGTERM ended it in ${Math.round(tookMs)} ms`)
  t.notOk(existsSync(terminal.path('ca/gapmesh.sock')), 'the socket is gone')
})
