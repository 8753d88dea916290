import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { makeCa } from './process.ts'

const openssl = async (...args: string[]) => (await promisify(execFile)('openssl', args)).stdout
const hasOpenssl = await openssl('version').then(
  () => true,
  () => false,
)

t.test('an operator, over HTTPS', async (t) => {
  const { terminal, key, at } = await makeCa(t)
  const added = await terminal.json(`ca operator add ${at} --name alice --to alice --to-key-file alice.key`)
  t.match(added, { mesh: 'north-grid', name: 'alice', directory: terminal.path('alice') })
  t.equal((await stat(terminal.path('alice'))).mode & 0o777, 0o700)
  await terminal.json(`ca operator add ${at} --name bob --to bob --to-key-file bob.key --valid-for 1d`)
  t.same(
    (await terminal.json(`ca operator list ${at}`)).certificates.map(({ name }: { name: string }) => name),
    ['alice', 'bob'],
  )
  t.match(await terminal.refused(`ca operator add ${at} --name bob --to bob2 --to-key-file bob2.key`), {
    code: 'ENROLLMENT_OPERATOR_EXISTS',
  })
  const server = await terminal.daemon(t, `ca serve ${at} --listen 127.0.0.1:0`)
  const as = (name: string) => `--url ${server.said.url} --operator ${name} ${key(name)}`
  const { token } = await terminal.json(`ca token ${as('alice')} --node-id sensor-1`)
  await writeFile(terminal.path('token'), token)
  await terminal.json(
    `node enroll --ca ${server.said.url} --home sensor-1 --node-id sensor-1 --token-file token ${key('sensor-1')}`,
  )
  t.match((await terminal.json(`ca policy set ${as('bob')} --max-nodes 7`)).policy, { maxNodes: 7 })
  t.match(await terminal.json(`ca policy show ${as('alice')}`), { maxNodes: 7 })
  const renewed = await terminal.json(`ca operator renew ${as('alice')}`)
  t.equal(renewed.name, 'alice')
  t.match(JSON.parse(await readFile(terminal.path('alice/operator.json'), 'utf8')), { identity_key: 'identity-2' })
  t.match(
    await terminal.json(`ca revoke ${as('alice')} --node-id sensor-1`),
    { revoked: [] },
    'with the new certificate',
  )
  t.match(await terminal.refused(`ca revoke ${as('alice')} --node-id nobody`), {
    exit: 1,
    code: 'ENROLLMENT_NOT_FOUND',
  })
  t.match(await terminal.refused(`ca list --url x ${at}`), { exit: 2 })
  t.match(await terminal.json(`ca approve ${as('alice')}`), { approvedBy: ['alice'], needed: 2 })
  t.match(await terminal.refused('ca rekey --home ca'), { exit: 3, code: 'ENROLLMENT_ROOT_APPROVALS' })
  t.match(await terminal.json(`ca approve ${as('bob')}`), { approvedBy: ['alice', 'bob'], needed: 2 })
  const { keyId } = await terminal.json('ca rekey --home ca')
  t.match(await terminal.json('ca status --home ca'), { authorities: [{ active: false }, { active: true, keyId }] })
  await terminal.json('ca revoke --home ca --operator-name bob')
  t.match(await terminal.refused(`ca policy show ${as('bob')}`), { exit: 3, code: 'ENROLLMENT_REFUSED' })
  t.match(await terminal.refused(`ca policy show ${as('nobody')}`), {
    exit: 1,
    code: 'AGENT_OPERATOR_HOME',
    hint: /operator add/,
  })
})

t.test('revocation lists in files', async (t) => {
  const { terminal, at, made } = await makeCa(t)
  await terminal.json(`ca operator add ${at} --name mallory --to mallory --to-key-file mallory.key`)
  const { revoked } = await terminal.json(`ca revoke ${at} --operator-name mallory --reason cessationOfOperation`)
  const { lists } = await terminal.json(`crl status ${at}`)
  t.match(lists[0], { kind: 'full', state: 'fresh', own: true })
  const der = await terminal.json(`crl export ${at} --format der --out list.crl`)
  t.equal(der.number, lists[0].number)
  const shown = await terminal.json('crl show list.crl')
  t.match(shown, { kind: 'full', number: der.number, count: 1, thisUpdateMs: lists[0].thisUpdateMs })
  t.equal(shown.entries[0].serialNumber, revoked[0].serialNumber)
  const withOpenssl = { skip: hasOpenssl ? false : 'there is no openssl on this machine' }
  await t.test('read by openssl', withOpenssl, async (t) => {
    const text = await openssl('crl', '-inform', 'DER', '-in', terminal.path('list.crl'), '-noout', '-text')
    t.match(text, new RegExp(`Serial Number: ${revoked[0].serialNumber.toUpperCase()}`))
    t.match(text, /X509v3 CRL Number: \n +(\d+)/)
    t.equal(/X509v3 CRL Number: \n +(\d+)/.exec(text)?.[1], der.number)
    const time = (what: string) => Date.parse(new RegExp(`${what}: (.*)`).exec(text)?.[1] ?? '')
    t.equal(time('Last Update'), shown.thisUpdateMs)
    t.equal(time('Next Update'), shown.nextUpdateMs)
    t.match(text, /Cessation Of Operation/)
  })
  await terminal.json(`crl export ${at} --format pem --out list.pem`)
  t.match(await readFile(terminal.path('list.pem'), 'utf8'), /^-----BEGIN X509 CRL-----\n/)
  t.same(await terminal.json('crl show list.pem'), shown)
  t.match(await terminal.json(`ca crl show ${at}`), { lists: [{ number: der.number }] })
  t.match(await terminal.json(`crl import list.crl ${at}`), { number: der.number }, 'its own list says nothing new')
  await writeFile(terminal.path('garbage'), 'garbage')
  t.match(await terminal.refused('crl show garbage'), { exit: 3, code: 'ENROLLMENT_CRL_MALFORMED' })
  t.match(await terminal.refused(`crl export ${at} --out x --authority ${'00'.repeat(32)}`), {
    exit: 1,
    code: 'AGENT_CRL_NONE',
  })
  await terminal.json(`ca export ${at} --out root.pem`)
  const { fingerprint256 } = new X509Certificate(await readFile(terminal.path('root.pem')))
  t.equal(fingerprint256.replaceAll(':', '').toLowerCase(), made.root.fingerprint)
  const { number } = await terminal.json(`ca restored ${at} --list list.crl`)
  t.ok(BigInt(number) >= BigInt(der.number) + 65_536n, `${der.number} to ${number}`)
})

t.test('an issuing CA under a root that stays offline', async (t) => {
  const { terminal, key, at, made } = await makeCa(t)
  const issuing = `--home issuing ${key('issuing')}`
  await terminal.json(`ca init --issuing ${issuing} --out request`)
  t.match(await terminal.run(`ca issuing request ${issuing} --out request`), {
    code: 0,
    err: /ca issuing sign request/,
  })
  await terminal.json(`ca issuing sign request ${at} --out answer`)
  const wrong = await terminal.refused(`ca issuing install answer ${issuing} --root ${'00'.repeat(32)}`)
  t.match(wrong, { exit: 3, code: 'ENROLLMENT_ISSUING_ANSWER' })
  const installed = await terminal.json(`ca issuing install answer ${issuing} --root ${made.root.fingerprint}`)
  t.match(installed, { mesh: 'north-grid', root: { fingerprint: made.root.fingerprint } })
  await terminal.json(`crl export ${at} --out root.crl`)
  t.match(await terminal.json(`crl import root.crl ${issuing}`), { outcome: 'applied' })
  const server = await terminal.daemon(t, `ca serve ${issuing} --listen 127.0.0.1:0`)
  const { token } = await terminal.json('ca token --home issuing --node-id sensor-1')
  await writeFile(terminal.path('token'), token)
  const enrolled = await terminal.json(
    `node enroll --ca ${server.said.url} --home sensor-1 --node-id sensor-1 --token-file token ${key('sensor-1')}`,
  )
  t.equal(enrolled.root_fingerprint, made.root.fingerprint)
  t.equal((await terminal.json('crl status --home issuing')).lists.length, 2, 'its own list and that of the root')
  const node = `--home sensor-1 ${key('sensor-1')}`
  t.same(
    await terminal.json(`crl status ${node}`).catch(({ message }) => message.match(/AGENT_CRL_NONE/)?.[0]),
    'AGENT_CRL_NONE',
  )
  t.match(await terminal.refused(`crl import root.crl ${node}`), { exit: 1, code: 'AGENT_CONTROL_NOT_RUNNING' })
})
