import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type ControlHandlers, controlSocketPath, type RecordDetail, serveControl } from '../../agent/control/index.ts'
import { silentLogger, systemClock } from '../../core/index.ts'

const SCRIPT = fileURLToPath(new URL('cli-child.ts', import.meta.url))

interface Transcript {
  out: string
  err: string
  code: number | null
}

interface RunOptions {
  env?: Record<string, string>
  /** Called when something was printed first. */
  onOutput?: (child: ChildProcess) => void
}

/** A real process with a clean environment and pipes for streams. */
function gapmesh(args: readonly string[], { env = {}, onOutput }: RunOptions = {}): Promise<Transcript> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SCRIPT, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const transcript: Transcript = { out: '', err: '', code: null }
    child.stdout.once('data', () => onOutput?.(child))
    child.stdout.on('data', (chunk) => {
      transcript.out += chunk
    })
    child.stderr.on('data', (chunk) => {
      transcript.err += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ ...transcript, code }))
  })
}

const RECORD: RecordDetail = {
  id: '8f0d2c6b71e44a90'.repeat(4),
  type: 'anomaly',
  origin: 'sensor-1',
  sequence: 7,
  createdAtMs: Date.UTC(2026, 0, 15, 8),
  expiresAtMs: Date.UTC(2026, 1, 15, 8),
  anomalies: 2,
  events: 12,
  severity: 4,
  kinds: ['ids_alert'],
  indicator: 'suricata:1:9000001',
  bytes: 6000,
  author: { serialNumber: '01', issuerKeyId: 'aa' },
  signatures: [{ algorithm: -50, keyId: 'bb' }],
  anomalySignatures: [
    {
      indicator: 'suricata:1:9000001',
      kind: 'ids_alert',
      severity: 4,
      score: 800,
      firstSeenMs: Date.UTC(2026, 0, 15, 7, 59),
      lastSeenMs: Date.UTC(2026, 0, 15, 8),
      count: 11,
      expiresAtMs: Date.UTC(2026, 0, 22, 8),
      blockId: 'cc'.repeat(32),
      blockState: 'sealed',
    },
  ],
}

/** An agent's control socket in a home of its own. */
async function agent(t: { teardown(end: () => unknown): void }, handlers: ControlHandlers): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'gapmesh-'))
  const control = await serveControl(
    { path: controlSocketPath(home) },
    { handlers, clock: systemClock(), logger: silentLogger() },
  )
  t.teardown(async () => {
    await control.close()
    rmSync(home, { recursive: true })
  })
  return home
}

t.test('version and help', async (t) => {
  t.same(await gapmesh(['--version']), { out: '1.2.3\n', err: '', code: 0 })
  const help = await gapmesh(['--help'])
  t.match(help, { err: '', code: 0, out: /^Usage: gapmesh/ })
  for (const noun of ['run', 'status', 'doctor', 'demo', 'record', 'node', 'ca'])
    t.match(help.out, new RegExp(`^  ${noun} `, 'm'))
  const run = await gapmesh(['run', '--help'])
  t.match(run.out, /--gossip-max-peers <number> +Most connected peers\. \(1 to 1000 peers; default: 50\)/)
  t.match(run.out, /Examples:\n {2}\$ gapmesh run/)
})

t.test('usage errors: code 2, one line and a hint', async (t) => {
  const usage = async (args: string[], message: RegExp, hint: string) => {
    const { out, err, code } = await gapmesh(args)
    t.equal(code, 2, args.join(' '))
    t.equal(out, '')
    const lines = err.trimEnd().split('\n')
    t.equal(lines.length, 2, err)
    t.match(lines[0], message)
    t.equal(lines[1], `hint: ${hint}`)
  }
  const help = 'Add --help to the command to see what it takes.'
  await Promise.all([
    usage(['record', 'lst'], /^gapmesh: unknown command 'lst'$/, 'Did you mean list?'),
    usage(['record', 'list', '--jsn'], /^gapmesh: unknown option '--jsn'$/, 'Did you mean --json?'),
    usage(['record', 'list', '--since', 'yesterday'], /Use a time such as 2026-01-01T12:00:00Z, or a duration/, help),
    usage(['record', 'show'], /missing required argument 'id'/, help),
    usage(['ca', 'init'], /required option '--mesh <label>' not specified/, help),
  ])
  const noun = await gapmesh(['record'])
  t.match(noun, { out: '', code: 2, err: /^Usage: gapmesh record/ })
  t.match(await gapmesh([]), { out: '', code: 2, err: /^Usage: gapmesh / })
  const json = await gapmesh(['record', 'list', '--json', '--limit', 'x'])
  t.match(JSON.parse(json.err), { error: { code: 'AGENT_CLI_USAGE', message: /--limit/, hint: help } })
})

t.test('failures: code 1, or 3 when refused', async (t) => {
  t.same(await gapmesh(['ca', 'status']), { out: '', err: 'gapmesh: it failed ?[31mred\nhint: Try again.\n', code: 1 })
  t.same(await gapmesh(['ca', 'status', '--json']), {
    out: '',
    err: '{"error":{"code":"TEST_FAILED","message":"it failed \\u001b[31mred","hint":"Try again."}}\n',
    code: 1,
  })
  t.same(await gapmesh(['ca', 'token']), { out: '', err: 'gapmesh: the policy said no\n', code: 3 })
  t.match(await gapmesh(['demo']), { code: 3, err: 'gapmesh: the signature is wrong\n' })
  t.same(await gapmesh(['doctor']), { out: '', err: '', code: 1 }, 'a failure that was already told')
  const defect = await gapmesh(['demo', '--eve', 'defect'])
  t.match(defect, { code: 1, err: /^gapmesh: gapmesh failed unexpectedly: undefined is not a function\nhint: .*\n$/ })
  t.match(await gapmesh(['demo', '--eve', 'defect'], { env: { GAPMESH_DEBUG: '1' } }), { err: /at .*cli-child\.ts/ })
})

t.test('options reach their actions', async (t) => {
  const run = await gapmesh([
    'run',
    '--json',
    '--home',
    '/h',
    '--config',
    'c.yaml',
    '--eve',
    'a',
    '--eve',
    'b',
    '--ingest-fold',
    '--mesh-mdns',
    'false',
  ])
  t.same(JSON.parse(run.out), {
    name: 'run',
    options: {
      configFile: 'c.yaml',
      flags: { 'ingest.eve': ['a', 'b'], 'ingest.fold': true, 'mesh.mdns': 'false' },
    },
    home: '/h',
  })
  t.equal(run.err, '', 'no remarks with --json')
  const args = [
    'node',
    'enroll',
    '--ca',
    'https://ca.example:8443',
    '--node-id',
    'sensor-1',
    '--address',
    '/ip4/192.0.2.1/tcp/1',
    '--key-file',
    'k',
  ]
  const enroll = await gapmesh(args, { env: { GAPMESH_HOME: '/env' } })
  t.match(enroll, {
    out: 'nodeEnroll {"ca":"https://ca.example:8443","nodeId":"sensor-1","addresses":["/ip4/192.0.2.1/tcp/1"],"keyFile":"k"}\n',
    err: 'a remark\n',
    code: 0,
  })
})

t.test('secrets come from a file or the environment, and are not asked for in a pipe', async (t) => {
  const file = join(t.testdir({ pass: 'correct horse\nsecond line\n' }), 'pass')
  const init = ['ca', 'init', '--mesh', 'm']
  t.match(await gapmesh(init), { code: 1, err: /no terminal to ask on\nhint: Give --passphrase-file FILE/ })
  t.match(await gapmesh([...init, '--passphrase-file', file]), { code: 0, out: '13 characters\n' })
  t.match(await gapmesh(init, { env: { GAPMESH_PASSPHRASE: 'four' } }), { code: 0, out: '4 characters\n' })
  t.match(await gapmesh([...init, '--passphrase', 'x']), { code: 2 }, 'never an argument')
})

t.test('no agent', async (t) => {
  const home = t.testdir({})
  t.same(await gapmesh(['status', '--home', '/tmp/gapmesh-none']), {
    out: '',
    err: 'gapmesh: no agent is running in this home\nhint: Start it with: gapmesh run --home DIR\n',
    code: 1,
  })
  t.match(await gapmesh(['node', 'list', '--json', '--home', `${home}/${'x'.repeat(100)}`]), {
    code: 1,
    err: /^\{"error":\{"code":"AGENT_CONTROL_PATH"/,
  })
})

t.test('records', async (t) => {
  const asked: unknown[] = []
  const home = await agent(t, {
    'records.list': async (filter) => {
      asked.push(filter)
      return {
        records: filter.origin === 'nobody' ? [] : [RECORD, { ...RECORD, indicator: 'evil\u001b[2J', anomalies: 1 }],
      }
    },
    'records.show': async () => RECORD,
    'records.publish': async (params) => {
      asked.push(params)
      return { id: RECORD.id, blockId: 'cc', seq: 1 }
    },
    'records.tail': async function* (_filter, signal) {
      yield RECORD
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
  })
  const list = await gapmesh([
    'record',
    'list',
    '--home',
    home,
    '--since',
    '2026-01-01',
    '--min-severity',
    'high',
    '--kind',
    'ids_alert',
  ])
  t.same(list.out.split('\n'), [
    'CREATED               ORIGIN    SEVERITY  KIND       EVENTS  INDICATOR              ID',
    '2026-01-15T08:00:00Z  sensor-1  high      ids_alert  12      suricata:1:9000001 +1  8f0d2c6b71e44a90',
    '2026-01-15T08:00:00Z  sensor-1  high      ids_alert  12      evil?[2J               8f0d2c6b71e44a90',
    '',
  ])
  t.same(asked.pop(), { sinceMs: Date.UTC(2026, 0, 1), minSeverity: 4, kind: 'ids_alert', limit: 50 })
  const relative = await gapmesh(['record', 'list', '--home', home, '--since', '1h', '--json'])
  t.equal(JSON.parse(relative.out).records.length, 2)
  const { sinceMs } = asked.pop() as { sinceMs: number }
  t.ok(Math.abs(Date.now() - 3_600_000 - sinceMs) < 10_000)
  t.same(await gapmesh(['record', 'list', '--home', home, '--origin', 'nobody']), {
    out: '',
    err: 'no such records\n',
    code: 0,
  })
  t.same(await gapmesh(['record', 'list', '--home', home, '--origin', 'nobody', '--json']), {
    out: '{"records":[]}\n',
    err: '',
    code: 0,
  })

  const show = await gapmesh(['record', 'show', '8F0D', '--home', home])
  t.match(show.out, /^created {6}2026-01-15T08:00:00Z$/m)
  t.match(show.out, /^high +800 +ids_alert +suricata:1:9000001 +11 .* sealed$/m)
  t.same(JSON.parse((await gapmesh(['record', 'show', '8f0d', '--home', home, '--json'])).out), RECORD)

  const report = ['--indicator', 'local:x', '--kind', 'mitigation', '--severity', 'low', '--source', '192.0.2.1']
  t.match(await gapmesh(['record', 'publish', ...report, '--home', home]), { out: `published ${RECORD.id}\n`, code: 0 })
  t.same(asked.pop(), { indicator: 'local:x', kind: 'mitigation', severity: 2, source: '192.0.2.1' })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const tail = await gapmesh(['record', 'tail', '--home', home, '--json'], {
      onOutput: (child) => child.kill(signal),
    })
    t.equal(tail.code, 0, `ended by ${signal}`)
    t.equal(JSON.parse(tail.out).id, RECORD.id)
  }
})

t.test('status and nodes', async (t) => {
  const home = await agent(t, {
    status: async () => ({
      version: '1.2.3',
      nodeId: 'sensor-1',
      mesh: 'north-grid',
      roles: ['node'],
      peerId: '12D3KooW',
      startedAtMs: 0,
      addresses: ['/ip4/192.0.2.1/tcp/4701'],
      certificate: { serialNumber: '01', expiresAtMs: 8.64e15 + 1 },
      append: 'allowed',
      peers: { connected: 2, known: 3 },
      records: { held: 5, bytes: 30_000, received: 3, duplicates: 1, expired: 0, refused: { RECORDS_SIGNATURE: 2 } },
      ledger: { headSeq: 12, origins: 3 },
      ingest: { inputs: [{ path: '/e', format: 'eve', state: 'reading', offset: 99 }], counters: { read: 7, kept: 7 } },
      traffic: { queued: 0, refusedLinks: 1, gossipRejoins: 0, gossip: {}, catchUp: {} },
      trust: {
        clock: { standing: 'behind', nowMs: Date.UTC(2026, 0, 1), offByMs: -60_000, floorMs: Date.UTC(2026, 0, 1) },
        rotation: {
          caUrl: 'https://ca.example:8443',
          dueAtMs: Date.UTC(2026, 0, 4),
          failures: 2,
          lastFailure: 'ENROLLMENT_UNREACHABLE',
          renewed: 0,
        },
        lists: [
          {
            authority: 'ab'.repeat(32),
            kind: 'full',
            number: '7',
            thisUpdateMs: 0,
            nextUpdateMs: 1,
            ageMs: 9,
            state: 'tolerated',
            trustedForMs: 36_000_000,
          },
        ],
        ordered: 1,
        pseudonym: { epoch: 3 },
        verdicts: [{ nodeId: 'sensor-9', verdict: 'untrusted', reasons: ['revoked'] }],
      },
      bundles: {
        self: 'dtn://sensor-1.north-grid/',
        state: 'open',
        queued: 2,
        bytes: 300,
        maxBytes: 1000,
        byPriority: { normal: 2 },
        accepted: 5,
        refused: 1,
        evicted: 0,
        expired: 2,
        contacts: [
          { peer: 'dtn://relay-2.north-grid/', layer: 'overlay', sent: 3, received: 0, inFlight: 1, paused: true },
        ],
      },
      warnings: ['look here'],
    }),
    'node.rotate': async () => ({ serialNumber: '0a', expiresAtMs: Date.UTC(2026, 0, 8) }),
    'time.confirm': async ({ atMs = 0 }) => ({ standing: 'trusted', nowMs: atMs, offByMs: 0, floorMs: atMs }),
    'nodes.list': async () => ({
      nodes: [
        {
          nodeId: 'sensor-1',
          peerId: '12D3',
          self: true,
          connected: true,
          verdict: 'trusted',
          reasons: [],
          roles: ['node'],
          addresses: [],
          headSeq: 12,
        },
        {
          nodeId: 'relay-2',
          peerId: '',
          self: false,
          connected: false,
          verdict: 'untrusted',
          reasons: ['revoked'],
          roles: ['node', 'validator'],
          addresses: [],
        },
        {
          nodeId: 'sensor-3',
          peerId: '12D4',
          self: false,
          connected: true,
          verdict: 'trusted',
          reasons: [],
          roles: ['node'],
          addresses: ['/ip4/192.0.2.1/tcp/4701/p2p/12D5/p2p-circuit/p2p/12D4'],
          link: { class: 'post-quantum', protocol: 'TLSv1.3', signature: 'ML-DSA-87', policyVersion: 0, features: '' },
        },
      ],
    }),
  })
  const status = await gapmesh(['status', '--home', home])
  t.match(status.out, /^node +sensor-1 \(node\) in north-grid$/m)
  t.match(status.out, /^certificate until +8640000000000001$/m, 'a time beyond all dates')
  t.match(status.out, /^refused +2 RECORDS_SIGNATURE$/m)
  t.match(status.out, /^ingest +7 read, 7 kept$/m)
  t.match(status.out, /^input +\/e \(eve\): reading, at byte 99$/m)
  t.match(status.out, /^warning +look here$/m)
  t.equal(JSON.parse((await gapmesh(['status', '--home', home, '--json'])).out).nodeId, 'sensor-1')
  const nodes = await gapmesh(['node', 'list', '--home', home])
  t.match(nodes.out, /^sensor-1 +this node +trusted +- +- +node +12 +- +12D3$/m)
  t.match(nodes.out, /^relay-2 +away +untrusted \(revoked\) +- +- +node,validator +- +-$/m)
  t.match(nodes.out, /^sensor-3 +connected +trusted +- +post-quantum TLSv1.3 ML-DSA-87 relayed +node/m)
  t.match(status.out, /^clock +2026-01-01T00:00:00Z \(behind, off by -60 s\), not before 2026-01-01T00:00:00Z$/m)
  t.match(status.out, /^renewal +due 2026-01-04T00:00:00Z at https:.*, failed 2 times: ENROLLMENT_UNREACHABLE$/m)
  t.match(status.out, /^list +full 7 of CA abababababababab, issued 1970-.*, tolerated, good for 10 h$/m)
  t.match(status.out, /^ordered +1 revocations/m)
  t.match(status.out, /^untrusted +sensor-9: revoked$/m)
  const rotated = await gapmesh(['node', 'rotate', '--home', home])
  t.equal(rotated.out, 'The certificate is 0a now, valid until 2026-01-08T00:00:00Z\n')
  const confirmed = await gapmesh(['node', 'time', 'confirm', '2026-02-01', '--home', home])
  t.equal(confirmed.out, 'The node takes 2026-02-01T00:00:00Z for the time (trusted)\n')
  t.match(await gapmesh(['node', 'time', 'confirm', 'noon', '--home', home]), { code: 2 })
})

t.test('a long command stops on request, and a closed pipe is no error', async (t) => {
  const serve = await gapmesh(['ca', 'serve'], {
    onOutput: (child) => {
      child.kill('SIGTERM')
    },
  })
  t.same(serve, { out: 'serving\nstopped\n', err: '', code: 0 })
  const home = await agent(t, {
    'records.tail': async function* () {
      for (;;) {
        yield RECORD
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    },
  })
  const head = await gapmesh(['record', 'tail', '--home', home], { onOutput: (child) => child.stdout?.destroy() })
  t.equal(head.code, 0)
  t.equal(head.err, '')
})
