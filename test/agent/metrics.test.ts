import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { Ingest } from '../../agent/ingest/index.ts'
import { MAX_METRICS_CONNECTIONS } from '../../agent/limits.ts'
import { ingestMetrics, type MetricDefinition, serveMetrics } from '../../agent/metrics/index.ts'
import { silentLogger, systemClock } from '../../core/index.ts'
import { SAMPLE } from './helpers.ts'

t.test('what is pulled is what is shown, each time anew', async (t) => {
  let total = 5
  const definitions: MetricDefinition[] = [
    { name: 'test_total', help: 'A count.', type: 'counter', read: () => total },
    {
      name: 'test_size_bytes',
      help: 'A size.',
      type: 'gauge',
      labels: ['part'],
      read: () => [{ labels: { part: 'a' }, value: total * 2 }],
    },
  ]
  const server = await serveMetrics({ listen: '127.0.0.1:0', allowRemote: false }, { definitions })
  t.teardown(() => server.close())
  const page = async () => (await fetch(server.url)).text()
  const first = await page()
  t.match(first, /^# TYPE test_total counter$/m)
  t.match(first, /^test_total 5$/m)
  t.match(first, /^test_size_bytes\{part="a"\} 10$/m)
  t.match(first, /^process_resident_memory_bytes \d+$/m)
  total = 7
  t.match(await page(), /^test_total 7$/m)
})

t.test('ingest counters', async (t) => {
  const ingest = new Ingest(
    {
      inputs: [{ path: SAMPLE, format: 'eve' }],
      mode: 'once',
      start: 'beginning',
      windowMs: 0,
      fold: true,
      overload: 'wait',
      maxBacklog: 64,
      expiryMs: 1000,
    },
    {
      clock: systemClock(),
      logger: silentLogger(),
      signal: new AbortController().signal,
      positions: new Map(),
      hashAddresses: () => undefined,
    },
  )
  for await (const { events } of ingest.batches()) t.ok(events.length <= 64)
  const server = await serveMetrics(
    { listen: 'localhost:0', allowRemote: false },
    { definitions: ingestMetrics(ingest) },
  )
  t.teardown(() => server.close())
  const text = await (await fetch(server.url)).text()
  t.match(text, /^gapmesh_ingest_lines_total\{outcome="kept"\} 40$/m)
  t.match(text, /^gapmesh_ingest_lines_total\{outcome="ignored"\} 10$/m)
  t.match(text, /^gapmesh_ingest_gaps_total 0$/m)
  t.match(text, /^gapmesh_ingest_pending_events 0$/m)
})

t.test('only what it is for, and only on loopback unless allowed', async (t) => {
  const broken: MetricDefinition = {
    name: 'test_broken',
    help: 'Cannot be read.',
    type: 'gauge',
    read: () => {
      throw new Error('secret')
    },
  }
  const server = await serveMetrics({ listen: '[::1]:0', allowRemote: false }, { definitions: [broken] })
  t.teardown(() => server.close())
  t.equal((await fetch(server.url.replace('/metrics', '/'))).status, 404)
  t.equal((await fetch(server.url, { method: 'POST' })).status, 405)
  const failed = await fetch(server.url)
  t.equal(failed.status, 500)
  t.notMatch(await failed.text(), 'secret')
  for (const listen of ['0.0.0.0:0', '[::]:0', '192.0.2.1:0', 'sensor.example:0']) {
    await t.rejects(
      serveMetrics({ listen, allowRemote: false }, { definitions: [] }),
      { code: 'AGENT_METRICS_ADDRESS' },
      listen,
    )
  }
  const open = await serveMetrics({ listen: '0.0.0.0:0', allowRemote: true }, { definitions: [] })
  await open.close()
  const port = new URL(server.url).port
  await t.rejects(serveMetrics({ listen: `[::1]:${port}`, allowRemote: false }, { definitions: [] }), {
    code: 'AGENT_METRICS_LISTEN',
  })
  await t.rejects(serveMetrics({ listen: 'nonsense', allowRemote: false }, { definitions: [] }), {
    code: 'AGENT_METRICS_LISTEN',
  })
})

t.test('no more than so many connections', async (t) => {
  const server = await serveMetrics({ listen: '127.0.0.1:0', allowRemote: false }, { definitions: [] })
  t.teardown(() => server.close())
  const port = Number(new URL(server.url).port)
  const idle = Array.from({ length: MAX_METRICS_CONNECTIONS }, () => connect(port, '127.0.0.1'))
  await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  const refused = connect(port, '127.0.0.1')
  await new Promise((resolve) => refused.on('error', () => {}).on('close', resolve))
  for (const socket of idle) socket.destroy()
  t.ok(refused.destroyed)
})

/** Milliseconds until the other side ends `socket`, while `drip` is written to it every 50 ms. */
async function endures(socket: Socket, drip: string): Promise<number> {
  const startedMs = performance.now()
  const dripping = setInterval(() => socket.writable && socket.write(drip), 50)
  await new Promise((resolve) => socket.on('error', () => {}).once('close', resolve))
  clearInterval(dripping)
  return performance.now() - startedMs
}

t.test('who is slow to ask or to read is cut off', async (t) => {
  const long: MetricDefinition = { name: 'test_long', help: 'x'.repeat(1_000_000), type: 'gauge', read: () => 1 }
  const at = { listen: '127.0.0.1:0', allowRemote: false, deadlineMs: 1_000 }
  const server = await serveMetrics(at, { definitions: [long] })
  t.teardown(() => server.close())
  const to = (said = '') =>
    connect(Number(new URL(server.url).port), '127.0.0.1', function (this: Socket) {
      this.write(said)
    })
  const ask = 'GET /metrics HTTP/1.1\r\nhost: a\r\n'
  const took = await Promise.all([
    endures(to().resume(), ''),
    endures(to(ask).resume(), 'x: y\r\n'),
    endures(to(`${ask}content-length: 9000\r\n\r\n`).resume(), 'x'),
  ])
  for (const ms of took) t.ok(ms >= 500 && ms < 5_000, `${Math.round(ms)} ms`)
  const mute = Array.from({ length: MAX_METRICS_CONNECTIONS }, () => to(`${ask}\r\n`.repeat(12)).pause())
  t.teardown(() => mute.map((socket) => socket.destroy()))
  await Promise.all(
    mute.map((socket) =>
      once(
        socket.on('error', () => {}),
        'connect',
      ),
    ),
  )
  const served = () =>
    fetch(server.url).then(
      async (response) => (await response.text()).length > 0,
      () => false,
    )
  t.notOk(await served(), 'they hold every place')
  const endMs = performance.now() + 8_000
  while (!(await served())) {
    if (performance.now() > endMs) throw new Error('who reads nothing was never cut off')
    await setTimeout(100)
  }
  for (const socket of mute) socket.destroy()
  let answer = ''
  // A connection that finds no place yet is closed without a word.
  while (answer === '' && performance.now() < endMs + 8_000) {
    const oversized = to(`${ask}x: ${'y'.repeat(10_000)}\r\n\r\n`).on('error', () => {})
    oversized.on('data', (chunk) => {
      answer += chunk
    })
    await once(oversized, 'close')
  }
  t.match(answer, /^HTTP\/1\.1 431 /)
})
