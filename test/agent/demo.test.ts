import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ROOT } from './helpers.ts'
import { Terminal } from './process.ts'

/** Real logs lie beside the checkout, where they are present at all. */
const DATA = join(ROOT, '../shared/data')

/** A terminal whose temporary directory is its own, so that it shows what is left in there. */
async function scene(t: Test) {
  const terminal = await Terminal.open(t)
  const tmp = terminal.path('tmp')
  await mkdir(tmp)
  return { terminal, tmp, env: { TMPDIR: tmp } }
}

/** Processes that name `directory` on their command line. */
async function processesIn(directory: string): Promise<string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter((line) => line.includes(directory))
}

/** A log of `name` to replay, or the sample of the demo where there is none. */
function realLog(t: Test, name: string): string {
  const path = join(DATA, name)
  if (existsSync(path)) return `--eve ${path}`
  t.comment(`${name} is not here: the sample is replayed`)
  return ''
}

t.test('--json prints one object, and nothing is left', async (t) => {
  const { terminal, tmp, env } = await scene(t)
  const { out, err, code } = await terminal.run(`demo --json --nodes 3 ${realLog(t, 'eve-first-2015.ndjson')}`, env)
  t.equal(code, 0, err)
  t.equal(err, '')
  t.equal(out.trimEnd().split('\n').length, 1)
  const report = JSON.parse(out)
  const { alerts, signatures, records, elapsedMs, revocation } = report
  t.same(report, {
    ok: true,
    nodes: 3,
    alerts,
    signatures: alerts + 12,
    records,
    delivered: { 'node-1': signatures, 'node-2': signatures, 'node-3': signatures },
    offline: { node: 'node-3', missed: 12, caughtUp: 12 },
    rotation: { rotated: 3, lost: 0 },
    revocation: { node: 'node-3', refusedBy: 2, withinMs: revocation.withinMs },
    link: { protocol: 'TLSv1.3', group: 'SecP384r1MLKEM1024', signature: 'ML-DSA-87' },
    elapsedMs,
  })
  t.ok(alerts >= 40 && records > 12 && Number.isSafeInteger(elapsedMs), `${alerts} alerts, ${elapsedMs} ms`)
  t.same(await readdir(tmp), [])
  t.same(await processesIn(tmp), [])
})

t.test('the plain form ends with a table; --keep keeps homes that are whole', async (t) => {
  const { terminal, tmp, env } = await scene(t)
  const { out, err, code } = await terminal.run(`demo --nodes 2 --keep kept ${realLog(t, 'zeek-notice.log')}`, env)
  t.equal(code, 0, err)
  t.match(err, /^• 2 nodes enrol .*\n(• .*\n)+Homes are kept in .*\/kept\n$/)
  t.match(
    out,
    /^node +signatures +records +blocks +chain\n(node-\d +(\d+) of \2 .* verified .*\n){2}\nlinks +TLSv1\.3, /,
  )
  t.match(out, /^ok +every signature on every node in \d+\.\d s\n$/m)
  t.same((await readdir(terminal.path('kept'))).sort(), [
    'ca',
    'ca.key',
    'node-1',
    'node-1.key',
    'node-2',
    'node-2.key',
  ])
  t.match(await terminal.run('doctor --home kept/node-1 --key-file kept/node-1.key'), { code: 0, out: /^store +ok /m })
  const again = await terminal.refused('demo --nodes 2 --keep kept', env)
  t.match(again, { exit: 1, code: 'AGENT_DEMO_PROCESS' }, 'homes that are there are not written over')
  t.same(await readdir(tmp), [])
  t.same(await processesIn(terminal.directory), [])
})

t.test('a log that is no log is told at once', async (t) => {
  const { terminal, tmp, env } = await scene(t)
  await writeFile(terminal.path('garbage'), Buffer.alloc(100_000, '\u0000garbage\n'))
  await writeFile(terminal.path('quiet.json'), '{"event_type":"stats","timestamp":"2026-01-15T08:00:01.000000+0000"}\n')
  await writeFile(terminal.path('log.gz'), Uint8Array.of(0x1f, 0x8b, 8, 0))
  const refusals = await Promise.all(
    ['nothing', 'tmp', 'garbage', 'quiet.json', 'log.gz'].map((name) => terminal.refused(`demo --eve ${name}`, env)),
  )
  t.match(refusals, [
    { exit: 1, out: '', code: 'AGENT_DEMO_INPUT', message: /no such file/ },
    { exit: 1, out: '', code: 'AGENT_DEMO_INPUT', hint: /Suricata EVE log/ },
    { exit: 1, out: '', code: 'AGENT_DEMO_INPUT', message: /garbage holds no alert/ },
    { exit: 1, out: '', code: 'AGENT_DEMO_INPUT', message: /quiet\.json holds no alert/ },
    { exit: 1, out: '', code: 'AGENT_INPUT_COMPRESSED' },
  ])
  t.same(await readdir(tmp), [])
})

/** Runs the demo until it says `step`, interrupts it `times` times a moment later, and looks at what is left. */
async function interrupt(t: Test, step: string, times: number): Promise<void> {
  const { terminal, tmp, env } = await scene(t)
  const child = terminal.start('demo --nodes 3', env)
  let err = ''
  let stoppedMs = 0
  child.stderr?.on('data', (chunk) => {
    err += chunk
    if (stoppedMs > 0 || !err.includes(step)) return
    stoppedMs = performance.now()
    for (let time = 0; time < times; time += 1) setTimeout(() => child.kill('SIGINT'), 300 + 10 * time)
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  t.equal(code, 1)
  t.match(err, /\ngapmesh: interrupted\n$/)
  t.ok(performance.now() - stoppedMs < 5_000, 'soon')
  t.same(await readdir(tmp), [], 'no directory is left')
  t.same(await processesIn(tmp), [], 'no process is left')
}

for (const step of ['enrol', 'is killed']) t.test(`SIGINT after "${step}" leaves nothing`, (t) => interrupt(t, step, 1))

t.test('nor does a second and a third SIGINT', (t) => interrupt(t, 'enrol', 3))
