import { readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { openApi } from '../../enrollment/api/index.ts'
import { makeCa, Terminal } from './process.ts'

t.test('certificates, policy and audit, from the keyboard of the CA', async (t) => {
  const { terminal, key, at, made } = await makeCa(t)
  t.match(made, { authorities: [{ kind: 'root', active: true }], behind: false })
  const { token } = await terminal.json(`ca token ${at} --uses 2 --label harbour --roles validator --attestation none`)
  const server = await terminal.daemon(t, `ca serve ${at} --listen 127.0.0.1:0`)
  await writeFile(terminal.path('token'), token)
  for (const name of ['sensor-1', 'sensor-2']) {
    const enrol = `node enroll --ca ${server.said.url} --home ${name} --node-id ${name} --token-file token ${key(name)}`
    await terminal.json(enrol)
  }
  await t.test('while it serves, without its key', async (t) => {
    const { certificates } = await terminal.json('ca list --home ca')
    const facts = certificates.map(({ kind, name, state, labels, roles }: Record<string, unknown>) => ({
      ...{ kind, name, state, labels, roles },
    }))
    const common = { kind: 'node', state: 'live', labels: ['harbour'], roles: ['validator'] }
    t.same(facts, [
      { ...common, name: 'sensor-1' },
      { ...common, name: 'sensor-2' },
    ])
    const { revoked } = await terminal.json('ca revoke --home ca --node-id sensor-1 --reason keyCompromise --since 1h')
    t.match(revoked, [{ name: 'sensor-1', state: 'revoked', reason: 'keyCompromise' }])
    const list = await terminal.run('ca list --home ca --state revoked')
    t.match(list, { code: 0, err: '', out: /^node +sensor-1 +revoked: keyCompromise/m })
    const bySerial = await terminal.json(`ca revoke --home ca --serial ${certificates[1].serialNumber}`)
    t.match(bySerial.revoked, [{ name: 'sensor-2', reason: 'privilegeWithdrawn' }])
    t.same(await terminal.json('ca list --home ca --state live'), { certificates: [] })
    t.match(await terminal.refused('ca revoke --home ca --node-id nobody'), {
      exit: 3,
      code: 'ENROLLMENT_CERTIFICATE_UNKNOWN',
    })
  })
  t.equal((await server.end('SIGTERM')).code, 0)

  await t.test('policy', async (t) => {
    const before = await terminal.json(`ca policy show ${at}`)
    t.match(before, { allow: null, maxNodes: null, attestation: 'none', graceCount: 3 })
    const flags =
      '--allow sensor-1,sensor-3 --max-nodes 40 --name-pattern sensor-* --lifetime 3d --revoke-on-removal yes'
    const { policy } = await terminal.json(`ca policy set ${at} ${flags}`)
    const changed = {
      ...before,
      ...{ allow: ['sensor-1', 'sensor-3'], maxNodes: 40, namePattern: 'sensor-*', leafLifetimeMs: 259_200_000 },
      revokeOnRemoval: true,
    }
    t.same(policy, changed)
    t.same(await terminal.json(`ca policy show ${at}`), changed)
    await writeFile(terminal.path('policy.json'), JSON.stringify(before))
    t.same((await terminal.json(`ca policy set ${at} --file policy.json --max-nodes any`)).policy, before)
    t.match(await terminal.run(`ca policy show ${at}`), { code: 0, out: /^nodes +any$/m })
    await writeFile(terminal.path('bad.json'), JSON.stringify({ ...before, leafLifetimeMs: 1 }))
    await writeFile(terminal.path('worse.json'), '{')
    t.match(await terminal.refused(`ca policy set ${at} --file bad.json`), {
      code: 'ENROLLMENT_POLICY_MALFORMED',
      message: /leafLifetimeMs/,
    })
    t.match(await terminal.refused(`ca policy set ${at} --file worse.json`), { exit: 1, code: 'AGENT_POLICY_FILE' })
    await writeFile(terminal.path('odd.json'), JSON.stringify({ ...before, allow: 'anybody' }))
    t.match(await terminal.refused(`ca policy set ${at} --file odd.json`), { exit: 2, message: /policy must be/ })
    t.match(await terminal.refused(`ca policy set ${at}`), { exit: 2, message: /say what to change/ })
    t.match(await terminal.refused(`ca policy set ${at} --name-pattern (a+)+`), { exit: 2 })
  })

  await t.test('audit', async (t) => {
    const verified = await terminal.json(`ca audit verify ${at}`)
    t.ok(verified.entries >= 8)
    t.match(verified.head, /^[0-9a-f]{64}$/)
    const exported = await terminal.json(`ca audit export ${at} --out audit.txt`)
    t.equal(exported.entries, verified.entries)
    t.same(await terminal.json('ca audit verify --file audit.txt'), verified, 'needs no CA')
    const lines = (await readFile(terminal.path('audit.txt'), 'utf8')).split('\n')
    await writeFile(terminal.path('cut.txt'), lines.filter((_, at) => at !== 3).join('\n'))
    t.match(await terminal.refused('ca audit verify --file cut.txt'), {
      exit: 3,
      code: 'ENROLLMENT_AUDIT_BROKEN',
      message: /entry 4/,
    })
    const { entries } = await terminal.json(`ca audit list ${at} --limit 3`)
    t.equal(entries.length, 3)
    t.equal(entries[0].event, 'policy-changed', 'the newest first')
  })

  await t.test('what is not understood', async (t) => {
    const lines = [
      'ca',
      'ca init --home x',
      'ca init --home x --issuing',
      'ca revoke',
      'ca revoke --node-id a --serial 00',
      'ca revoke --serial xyz',
      'ca revoke --node-id a --reason because',
      'ca token --url https://ca.example',
      'ca token --uses 0',
      'ca list --state gone',
      'ca policy',
      'crl export',
      'crl',
    ]
    for (const line of lines) t.equal((await terminal.run(line)).code, 2, line)
    t.match(await terminal.run('ca revoke --help'), { code: 0, out: /Examples:\n {2}\$ gapmesh ca revoke/ })
    t.match(await terminal.refused('ca approve --home ca'), { exit: 1, code: 'AGENT_CA_OPERATOR_NONE' })
  })
})

t.test('the OpenAPI document, without a CA', async (t) => {
  const terminal = await Terminal.open(t)
  const { code, out } = await terminal.run('ca openapi')
  t.equal(code, 0)
  t.same(JSON.parse(out), JSON.parse(JSON.stringify(openApi())))
})
