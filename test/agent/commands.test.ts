import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import type { RecordSummary } from '../../agent/control/index.ts'
import { LocalMesh } from '../../agent/demo/index.ts'
import { sleep } from '../../core/index.ts'
import { clock, eveLine, limit } from './crash-mesh.ts'
import { Daemon, Terminal } from './process.ts'

const CONFIG = `
mesh:
  listen: [/ip4/127.0.0.1/tcp/0]
  bootstrap: ["\${OTHER}"]
  mdns: false
keystore:
  key_file: ../node-1.key
ingest:
  eve: ../eve.json
metrics.listen: 127.0.0.1:0
log.level: warn
`

/** Two enrolled nodes: the second one runs, the first one is for the commands of the test. */
async function scene(t: Test) {
  const terminal = await Terminal.open(t)
  const mesh = new LocalMesh({ directory: terminal.directory, nodes: 2 }, { clock })
  t.teardown(() => mesh.close('SIGKILL'))
  await mesh.enrol()
  await mesh.start('node-2')
  const [address = ''] = (await mesh.client('node-2').call('status', {})).addresses
  await writeFile(terminal.path('eve.json'), eveLine(1))
  await writeFile(terminal.path('node-1/config.yaml'), CONFIG)
  return { terminal, mesh, env: { OTHER: address } }
}

t.test('the agent, from its first start to its last', async (t) => {
  const { terminal, mesh, env } = await scene(t)
  const run = 'run --home node-1'

  await t.test('what keeps it from starting', async (t) => {
    await writeFile(terminal.path('typo.yaml'), 'mesh:\n  mdns: false\n  lisen: []\n')
    const [nobody, typo, unset, flag, nothing] = await Promise.all([
      terminal.refused('run --home nobody', env),
      terminal.refused(`${run} --config typo.yaml`, env),
      terminal.refused(run),
      terminal.refused(`${run} --gossip-max-peers 0`, env),
      terminal.refused('status --home node-1'),
    ])
    t.match(nobody, { exit: 1, code: 'AGENT_HOME_NOT_ENROLLED', hint: /node enroll/ })
    t.match(typo, {
      exit: 2,
      code: 'AGENT_CONFIG_UNKNOWN_KEY',
      message: /typo\.yaml:3:3: mesh\.lisen/,
      hint: /mesh\.listen/,
    })
    t.match(unset, { exit: 2, code: 'AGENT_CONFIG_ENV', message: /config\.yaml:4:15: OTHER$/ })
    t.match(flag, { exit: 2, code: 'AGENT_CONFIG_VALUE', message: /--gossip-max-peers must be 1 to 1000 peers/ })
    t.match(nothing, { exit: 1, code: 'AGENT_CONTROL_NOT_RUNNING', hint: /gapmesh run/ })
    const remote = await terminal.refused(`${run} --metrics-listen 0.0.0.0:0`, env)
    t.match(remote, { exit: 2, code: 'AGENT_METRICS_ADDRESS', hint: /allow_remote/ })
    t.notOk(existsSync(terminal.path('node-1/gapmesh.sock')), 'nothing is left of it')
  })

  const agent = await terminal.daemon(t, run, env)
  t.match(agent.said, { event: 'ready', node_id: 'node-1', addresses: [/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//] })
  const connected = async () => (await mesh.client('node-1').call('status', {})).peers.connected === 1
  await mesh.until('the nodes are connected', connected, limit)

  await t.test('one agent a home', async (t) => {
    const [second, doctor] = await Promise.all([
      terminal.refused(run, env),
      terminal.run(`doctor --home node-1 --key-file ${terminal.path('node-1.key')} --json`, env),
    ])
    t.match(second, { exit: 1, code: 'AGENT_CONTROL_IN_USE', hint: /gapmesh status/ })
    t.equal(doctor.code, 1)
    const { ok, findings } = JSON.parse(doctor.out)
    t.notOk(ok)
    const failed = findings.filter(({ state }: { state: string }) => state === 'failed')
    t.match(failed, [{ check: 'store', detail: /already running in this home/ }])
    t.equal(failed.length, 1)
  })

  await t.test('records', (t) => records(t, terminal, mesh))
  await t.test('status, nodes, metrics', (t) => views(t, terminal, agent))

  await t.test('SIGTERM ends it with its peer connected', async (t) => {
    t.ok(await connected())
    const { code, tookMs } = await agent.end('SIGTERM')
    t.equal(code, 0)
    t.ok(tookMs < 2_000, `in ${Math.round(tookMs)} ms`)
    t.notOk(existsSync(terminal.path('node-1/gapmesh.sock')), 'the socket is gone')
    t.equal(agent.log, '', 'nothing went wrong')
    const key = terminal.path('node-1.key')
    const doctor = await terminal.run(`doctor --home node-1 --key-file ${key}`, env)
    t.match(doctor, { code: 0, out: /^store +ok +\d+ blocks, \d+ records, 0 bundles$/m })
    t.match(doctor.out, /^input .*eve\.json +ok +readable$/m)
    t.match(
      (await terminal.run(`doctor --home node-1 --key-file ${key}`)).code,
      1,
      'the variable of its config is not set',
    )
  })
})

async function records(t: Test, terminal: Terminal, mesh: LocalMesh): Promise<void> {
  const home = '--home node-1'
  const list = async (filter = ''): Promise<RecordSummary[]> =>
    (await terminal.json(`record list ${home} ${filter}`)).records
  const holds = (count: number) => async () =>
    (await mesh.client('node-1').call('records.inventory', {})).records === count
  const report = `record publish ${home} --indicator local:blocked-host --kind mitigation`
  await mesh.until('the alert is a record', holds(1), limit)

  const [address, indicator, severity, kind, ok] = await Promise.all([
    terminal.refused(`${report} --severity high --source 192.0.2.256`),
    terminal.refused(`record publish ${home} --indicator blödsinn --kind mitigation --severity high`),
    terminal.refused(`${report} --severity 6`),
    terminal.refused(`record publish ${home} --indicator a --kind Mitigation --severity 3`),
    terminal.json(`${report} --severity high --source 192.0.2.7 --note by-hand`),
  ])
  t.match(address, { exit: 2, code: 'AGENT_CONTROL_PARAMETER', message: /: source must be an IPv4 or IPv6 address$/ })
  t.match(indicator, { exit: 2, code: 'AGENT_CONTROL_PARAMETER', message: /: indicator must be .* printable ASCII/ })
  t.match(severity, { exit: 2, code: 'AGENT_CLI_USAGE' })
  t.match(kind, { exit: 2, code: 'AGENT_CLI_USAGE' })
  t.match(ok, { id: /^[0-9a-f]{64}$/, blockId: /^[0-9a-f]{64}$/, seq: 2 })
  await sleep(clock, 20)
  await mesh.client('node-2').call('records.publish', { indicator: 'intel:1', kind: 'threat_intel', severity: 5 })
  await mesh.until('the record of the other node is here', holds(3), limit)

  const all = await list()
  t.same(
    all.map(({ origin, kinds }) => [origin, ...kinds]),
    [
      ['node-2', 'threat_intel'],
      ['node-1', 'mitigation'],
      ['node-1', 'ids_alert'],
    ],
    'newest first',
  )
  const [newest, middle, oldest] = all
  const time = new Date(middle?.createdAtMs ?? 0).toISOString()
  const filtered = await Promise.all(
    [`--since ${time}`, `--until ${time}`, '--since 1h', '--until 1h', '--origin node-2', '--kind mitigation']
      .concat(['--min-severity high', '--min-severity 5 --kind mitigation', '--limit 2'])
      .map(list),
  )
  t.same(filtered, [
    [newest, middle],
    [middle, oldest],
    all,
    [],
    [newest],
    [middle],
    [newest, middle],
    [],
    [newest, middle],
  ])

  const digits = ok.id.slice(0, 16)
  const [table, none, shown, text, unknown] = await Promise.all([
    terminal.run(`record list ${home}`),
    terminal.run(`record list ${home} --origin node-9`),
    terminal.json(`record show ${digits} ${home}`),
    terminal.run(`record show ${ok.id} ${home}`),
    terminal.refused(`record show ffffffffffff ${home}`),
  ])
  t.match(table, {
    code: 0,
    err: '',
    out: new RegExp(`^CREATED .*\n.*\n.*high +mitigation .*local:blocked-host +${digits}$`, 'm'),
  })
  t.same(none, { code: 0, out: '', err: 'no such records\n' })
  t.match(shown, {
    id: ok.id,
    signatures: [{}, {}],
    anomalySignatures: [{ blockId: ok.blockId, source: /^[0-9a-f]{64}$/ }],
  })
  t.notMatch(JSON.stringify(shown), /192\.0\.2\.7|by-hand/, 'address and note stay in the payload')
  t.match(text, { code: 0, out: new RegExp(`^id +${ok.id}$`, 'm') })
  t.match(unknown, { exit: 1, code: 'AGENT_RECORD_UNKNOWN' })

  const tail = new Daemon(terminal.start(`record tail ${home} --min-severity critical --json`))
  const line = tail.line()
  let seen = false
  void line.then(() => (seen = true))
  while (!seen) {
    await mesh.client('node-1').call('records.publish', { indicator: 'local:x', kind: 'mitigation', severity: 4 })
    await mesh.client('node-2').call('records.publish', { indicator: 'intel:2', kind: 'threat_intel', severity: 5 })
    await sleep(clock, 50)
  }
  t.match(await line, { origin: 'node-2', severity: 5, indicator: 'intel:2' }, 'and none that was not asked for')
  t.equal((await tail.end('SIGTERM')).code, 0)
}

async function views(t: Test, terminal: Terminal, agent: Daemon): Promise<void> {
  const home = '--home node-1'
  const [status, text, nodes, table] = await Promise.all([
    terminal.json(`status ${home}`),
    terminal.run(`status ${home}`),
    terminal.json(`node list ${home}`),
    terminal.run(`node list ${home}`),
  ])
  t.match(status, {
    nodeId: 'node-1',
    mesh: 'demo',
    append: 'appending',
    peers: { connected: 1, known: 1 },
    warnings: [],
  })
  t.match(status.ingest, {
    inputs: [{ state: 'reading', offset: eveLine(1).length }],
    counters: { kept: 1, failed: 0 },
  })
  t.match(text, { code: 0, err: '', out: /^node +node-1 \(node\) in demo$/m })
  t.match(text.out, /^ledger +\d+ blocks of this node \(appending\), 2 chains$/m)
  t.notMatch(text.out, /^warning/m)
  t.match(nodes.nodes, [
    { nodeId: 'node-1', self: true },
    { nodeId: 'node-2', connected: true, link: { protocol: 'TLSv1.3', group: 'SecP384r1MLKEM1024' } },
  ])
  t.match(table.out, /^node-2 +connected .*TLSv1\.3 /m)

  t.match(agent.said.metrics, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
  const page = await fetch(agent.said.metrics ?? '')
  t.equal(page.status, 200)
  const metrics = await page.text()
  t.match(metrics, /^gapmesh_ingest_lines_total\{outcome="kept"\} 1$/m)
  t.match(metrics, /^gapmesh_ingest_failed_total 0$/m)
  t.match(metrics, /^gapmesh_peers_connected 1$/m)
  t.match(metrics, /^gapmesh_clock_offset_seconds 0$/m)
  t.match(metrics, /^gapmesh_certificate_renewal_failures 0$/m)
  t.match(metrics, /^# TYPE gapmesh_crl_next_update_seconds gauge$/m)
  let listed = metrics
  while (!/^gapmesh_crl_next_update_seconds\{authority="[0-9a-f]{64}"\} \d+$/m.test(listed)) {
    await sleep(clock, 50)
    listed = await (await fetch(agent.said.metrics ?? '')).text()
  }
  t.equal((await fetch(new URL('/', agent.said.metrics))).status, 404)
}

t.test('every noun explains itself', async (t) => {
  const terminal = await Terminal.open(t)
  const lines = [
    '',
    'ca',
    'node',
    'record',
    'run',
    'status',
    'doctor',
    'demo',
    'ca token',
    'node enroll',
    'record list',
  ]
  const told = await Promise.all(lines.map((line) => terminal.run(`${line} --help`)))
  for (const [at, { code, out, err }] of told.entries()) {
    t.same([code, err], [0, ''], lines[at] ?? '')
    t.match(out, new RegExp(`^Usage: gapmesh ${lines[at]}`))
  }
})
