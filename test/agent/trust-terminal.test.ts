import { writeFile } from 'node:fs/promises'
import t from 'tap'
import { Terminal } from './process.ts'

t.test('certificate, time and lists of a running agent, from the command line', async (t) => {
  const terminal = await Terminal.open(t)
  const key = (name: string) => `--key-file ${terminal.path(`${name}.key`)}`
  await terminal.json(`ca init --home ca --mesh north-grid ${key('ca')}`)
  const ca = await terminal.daemon(t, `ca serve --home ca --listen 127.0.0.1:0 ${key('ca')}`)
  const { token } = await terminal.json('ca token --home ca --node-id sensor-1')
  await writeFile(terminal.path('token'), token)
  const enrolled = `--home sensor-1 --node-id sensor-1 --token-file token ${key('sensor-1')}`
  await terminal.json(`node enroll --ca ${ca.said.url} ${enrolled}`)
  const keyFile = `--keystore-key-file ${terminal.path('sensor-1.key')}`
  const alone = '--mesh-listen /ip4/127.0.0.1/tcp/0 --mesh-mdns false'
  await terminal.daemon(t, `run --home sensor-1 ${keyFile} ${alone}`)

  const before = await terminal.json('status --home sensor-1')
  t.match(before.trust, { clock: { standing: 'trusted' }, rotation: { caUrl: ca.said.url, renewed: 0 }, verdicts: [] })
  const { serialNumber } = await terminal.json('node rotate --home sensor-1')
  t.not(serialNumber, before.certificate.serialNumber)
  const after = await terminal.json('status --home sensor-1')
  t.match(after, {
    certificate: { serialNumber },
    trust: { rotation: { renewed: 1, failures: 0 }, lists: [{ state: 'fresh' }] },
  })
  t.match(await terminal.json('node time confirm --home sensor-1'), { standing: 'trusted', offByMs: 0 })
  t.match(await terminal.run('status --home sensor-1'), {
    code: 0,
    out: /^list +full \d+ of CA [0-9a-f]{16}, issued .*, fresh, good for \d+ days$/m,
  })

  await ca.end('SIGTERM')
  t.match(await terminal.refused('node rotate --home sensor-1'), { exit: 1, code: 'ENROLLMENT_UNREACHABLE' })
  t.match(await terminal.json('node time confirm 2099-01-01 --home sensor-1'), { standing: 'behind' })
  const { warnings } = await terminal.json('status --home sensor-1')
  t.match(warnings.join('\n'), /the clock of this machine is \d+ days behind: .*\n.*the certificate ended.*\n/)
  t.match(await terminal.json('node time confirm --home sensor-1'), { standing: 'trusted' }, 'taken back')
})

t.test('an operator orders from the command line', async (t) => {
  const terminal = await Terminal.open(t)
  const key = (name: string) => `--key-file ${terminal.path(`${name}.key`)}`
  await terminal.json(`ca init --home ca --mesh north-grid ${key('ca')}`)
  await terminal.json(
    `ca operator add --name op-1 --home ca ${key('ca')} --to op --to-key-file ${terminal.path('op.key')}`,
  )
  const ca = await terminal.daemon(t, `ca serve --home ca --listen 127.0.0.1:0 ${key('ca')}`)
  const { token } = await terminal.json('ca token --home ca --node-id sensor-1')
  await writeFile(terminal.path('token'), token)
  const enrolled = `--home sensor-1 --node-id sensor-1 --token-file token ${key('sensor-1')}`
  await terminal.json(`node enroll --ca ${ca.said.url} ${enrolled}`)
  const keyFile = `--keystore-key-file ${terminal.path('sensor-1.key')}`
  await terminal.daemon(t, `run --home sensor-1 ${keyFile} --mesh-listen /ip4/127.0.0.1/tcp/0 --mesh-mdns false`)
  const operator = `--home sensor-1 --operator op ${key('op')}`
  const before = await terminal.json('status --home sensor-1')
  t.match(await terminal.json(`directive rotate --within 1ms ${operator}`), { isNews: true })
  for (let tries = 0; tries < 50; tries += 1) {
    const { certificate } = await terminal.json('status --home sensor-1')
    if (certificate.serialNumber !== before.certificate.serialNumber) break
  }
  t.match(await terminal.json('status --home sensor-1'), { trust: { rotation: { renewed: 1 } } })
  t.match(await terminal.refused(`directive revoke --node-id nobody ${operator}`), {
    exit: 1,
    code: 'AGENT_NODE_UNKNOWN',
  })
  t.match(await terminal.json(`directive revoke --node-id sensor-1 --reason keyCompromise ${operator}`), {
    isNews: true,
  })
  const { trust, warnings } = await terminal.json('status --home sensor-1')
  t.match(trust, { ordered: 1, verdicts: [{ nodeId: 'sensor-1', verdict: 'untrusted' }] })
  t.match(warnings[0], /this node is revoked/)
})
