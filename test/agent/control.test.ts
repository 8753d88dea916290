import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import {
  ControlClient,
  type ControlHandlers,
  type ControlServer,
  controlSocketPath,
  type RecordSummary,
  serveControl,
} from '../../agent/control/index.ts'
import {
  MAX_CONTROL_CONNECTIONS,
  MAX_CONTROL_REQUEST_BYTES,
  MAX_CONTROL_RESPONSE_BYTES,
  MAX_LISTED_RECORDS,
  MAX_NOTE_CHARACTERS,
} from '../../agent/limits.ts'
import { defineErrors, silentLogger, systemClock } from '../../core/index.ts'

const ERRORS = defineErrors('test', {
  TEST_FAILED: { message: 'it failed', hint: 'Try again.' },
  TEST_REFUSED: { message: 'it may not' },
})

const RECORD: RecordSummary = {
  id: 'ab'.repeat(32),
  type: 'anomaly',
  origin: 'sensor-1',
  sequence: 1,
  createdAtMs: 1_768_464_000_000,
  expiresAtMs: 1_768_464_900_000,
  anomalies: 1,
  events: 1,
  severity: 4,
  kinds: ['ids_alert'],
  indicator: 'suricata:1:9000001',
}

const clock = systemClock()
const dependencies = { clock, logger: silentLogger() }

interface Teardown {
  teardown(end: () => unknown): void
}

/** The path of a Unix socket must be short; those of t.testdir() are not. */
function shortDir(t: Teardown): string {
  const path = mkdtempSync(join(tmpdir(), 'gapmesh-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  return path
}

interface Running {
  path: string
  server: ControlServer
  client: ControlClient
}

async function serve(t: Teardown, handlers: ControlHandlers, timeoutMs = 2000): Promise<Running> {
  const path = controlSocketPath(shortDir(t))
  const server = await serveControl({ path, timeoutMs }, { ...dependencies, handlers })
  t.teardown(() => server.close())
  return { path, server, client: new ControlClient({ path, timeoutMs }, { clock }) }
}

const wait = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs))

/** Sends raw bytes and reads until the other side closes. */
function raw(path: string, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(path, () => socket.write(bytes))
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}

t.test('one request, one answer, for this user alone', async (t) => {
  const seen: unknown[] = []
  const { path, client } = await serve(t, {
    'records.list': async (filter) => {
      seen.push(filter)
      return { records: [RECORD] }
    },
  })
  t.equal(statSync(path).mode & 0o777, 0o600)
  const filter = { sinceMs: 1, origin: 'sensor-1', minSeverity: 4, limit: 10 }
  t.same(await client.call('records.list', filter), { records: [RECORD] })
  t.same(seen, [filter])
})

t.test('another user is told that it is not theirs, not that there is no agent', async (t) => {
  const { path, client } = await serve(t, {})
  chmodSync(path, 0)
  // Modes do not bind the superuser.
  const isRoot = process.getuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  const denied = client.call('status', {}).catch((error) => error)
  if (isRoot) process.seteuid?.(0)
  t.match(await denied, { code: 'AGENT_CONTROL_DENIED', hint: /as the user that runs the agent/ })
})

t.test('errors cross with code, message and hint; causes and defects do not', async (t) => {
  const { client } = await serve(t, {
    status: async () => {
      throw ERRORS.create('TEST_FAILED', { cause: new Error('secret') })
    },
    'nodes.list': async () => {
      throw ERRORS.create('TEST_REFUSED')
    },
    'records.list': async () => {
      throw new TypeError('secret')
    },
  })
  await t.rejects(client.call('status', {}), {
    code: 'TEST_FAILED',
    message: 'it failed',
    hint: 'Try again.',
    action: undefined,
  })
  await t.rejects(client.call('nodes.list', {}), { code: 'TEST_REFUSED', action: 'ignore' })
  await t.rejects(client.call('records.list', {}), {
    code: 'AGENT_CONTROL_INTERNAL',
    message: 'the agent failed on this request',
  })
  await t.rejects(client.call('ledger.check', {}), { code: 'AGENT_CONTROL_METHOD' }, 'no handler here')
})

t.test('parameters are checked before a handler sees them', async (t) => {
  const { client } = await serve(t, {
    'records.list': async () => ({ records: [] }),
    'records.show': async () => t.fail('not reached') as never,
    'records.publish': async () => ({ id: '', blockId: '', seq: 1 }),
  })
  const refused = (call: Promise<unknown>, name: string) =>
    t.rejects(call, { code: 'AGENT_CONTROL_PARAMETER', message: new RegExp(`: ${name} (must be|is) `) }, name)
  await refused(client.call('records.list', { limit: 0 }), 'limit')
  t.ok(await client.call('records.list', { limit: MAX_LISTED_RECORDS }))
  await refused(client.call('records.list', { limit: MAX_LISTED_RECORDS + 1 }), 'limit')
  await refused(client.call('records.list', { unknown: 1 } as never), 'unknown')
  await refused(client.call('records.list', JSON.parse('{"__proto__": 1}')), '__proto__')
  await refused(client.call('records.list', [] as never), 'params')
  await refused(client.call('records.show', { id: 'xyz' }), 'id')
  await refused(client.call('records.show', {} as never), 'id')
  const report = { indicator: 'a', kind: 'b', severity: 3 }
  t.ok(await client.call('records.publish', { ...report, note: 'x'.repeat(MAX_NOTE_CHARACTERS) }))
  await refused(client.call('records.publish', { ...report, note: 'x'.repeat(MAX_NOTE_CHARACTERS + 1) }), 'note')
  await refused(client.call('records.publish', { ...report, severity: 6 }), 'severity')
  await refused(client.call('records.publish', { ...report, note: '\ud800' }), 'note')
})

t.test('a stream, ended by either side', async (t) => {
  let released = 0
  const { client } = await serve(t, {
    'records.tail': async function* (filter, signal) {
      try {
        for (let sequence = 1; sequence <= (filter.limit ?? 1e9) && !signal.aborted; sequence += 1)
          yield { ...RECORD, sequence }
      } finally {
        released += 1
      }
    },
  })
  const never = new AbortController().signal
  const all: number[] = []
  for await (const { sequence } of client.stream('records.tail', { limit: 3 }, never)) all.push(sequence)
  t.same(all, [1, 2, 3])
  for await (const { sequence } of client.stream('records.tail', {}, never)) if (sequence === 5) break
  const stop = new AbortController()
  for await (const { sequence } of client.stream('records.tail', {}, stop.signal)) if (sequence === 5) stop.abort()
  while (released < 3) await wait(5)
  t.equal(released, 3, 'the handler is told that nobody reads any more')
})

t.test('a stream is not read ahead of a slow command, which is cut off in the end', async (t) => {
  let produced = 0
  const { path } = await serve(
    t,
    {
      'records.tail': async function* (_filter, signal) {
        while (!signal.aborted) {
          produced += 1
          yield { ...RECORD, indicator: 'x'.repeat(100_000) }
        }
      },
    },
    100,
  )
  const socket = connect(path, () => socket.write('{"method":"records.tail"}\n'))
  socket.pause()
  await wait(60)
  const early = produced
  await wait(20)
  t.equal(produced, early)
  t.ok(produced > 0 && produced < 100, `${produced} items for a command that reads none`)
  await wait(100)
  // The server has given up by now; what is left in the socket ends.
  await new Promise((resolve) => socket.on('close', resolve).resume())
})

t.test('malformed and oversized requests', async (t) => {
  const { path, client } = await serve(
    t,
    { 'records.list': async () => ({ records: Array(10_000).fill({ ...RECORD, indicator: 'x'.repeat(500) }) }) },
    200,
  )
  const code = async (bytes: string | Uint8Array) => JSON.parse(await raw(path, bytes)).error.code
  t.equal(await code('no json\n'), 'AGENT_CONTROL_MESSAGE')
  t.equal(await code('[1]\n'), 'AGENT_CONTROL_MESSAGE')
  t.equal(await code('{"method":5}\n'), 'AGENT_CONTROL_MESSAGE')
  t.equal(await code(Uint8Array.of(0xff, 0x0a)), 'AGENT_CONTROL_MESSAGE')
  t.equal(await code('{"method":"constructor"}\n'), 'AGENT_CONTROL_METHOD')
  const patient = await serve(t, {}, 30_000)
  const refusal = await raw(patient.path, 'x'.repeat(MAX_CONTROL_REQUEST_BYTES + 1))
  t.equal(JSON.parse(refusal).error.code, 'AGENT_CONTROL_TOO_LARGE')
  t.equal(await code('{"method":'), 'AGENT_CONTROL_TIMEOUT', 'a request that never ends')
  await t.rejects(
    client.call('records.list', {}),
    { code: 'AGENT_CONTROL_TOO_LARGE' },
    `answer above ${MAX_CONTROL_RESPONSE_BYTES}`,
  )
})

t.test('a request that comes byte by byte is cut off, and others are answered meanwhile', async (t) => {
  const { path, client } = await serve(t, { 'nodes.list': async () => ({ nodes: [] }) }, 400)
  const socket = connect(path)
  let text = ''
  socket
    .on('error', () => {})
    .on('data', (chunk) => {
      text += chunk
    })
  const startedMs = performance.now()
  const dripping = setInterval(() => socket.writable && socket.write(' '), 20)
  t.teardown(() => clearInterval(dripping))
  t.same(await client.call('nodes.list', {}), { nodes: [] })
  await new Promise((resolve) => socket.once('close', resolve))
  const tookMs = performance.now() - startedMs
  t.ok(tookMs >= 300 && tookMs < 3_000, `${Math.round(tookMs)} ms`)
  t.equal(JSON.parse(text).error.code, 'AGENT_CONTROL_TIMEOUT')
})

t.test('an agent that answers nonsense, too much, nothing, or not in time', async (t) => {
  const path = controlSocketPath(shortDir(t))
  let answer = ''
  let end = true
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => (end ? socket.end(answer) : socket.write(answer)))
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  const client = new ControlClient({ path, timeoutMs: 1_500 }, { clock })
  const fails = async (text: string, code: string, ends = true) => {
    answer = text
    end = ends
    await t.rejects(client.call('status', {}), { code })
  }
  await fails('{"neither":1}\n', 'AGENT_CONTROL_MESSAGE')
  await fails('{"error":{"code":5}}\n', 'AGENT_CONTROL_MESSAGE')
  await fails('', 'AGENT_CONTROL_CLOSED')
  await fails('{"result"', 'AGENT_CONTROL_CLOSED')
  await fails(`${'x'.repeat(MAX_CONTROL_RESPONSE_BYTES + 1)}\n`, 'AGENT_CONTROL_TOO_LARGE')
  await fails('', 'AGENT_CONTROL_TIMEOUT', false)
})

t.test('the socket file', async (t) => {
  const home = shortDir(t)
  const path = controlSocketPath(home)
  const client = new ControlClient({ path }, { clock })
  await t.rejects(client.call('status', {}), { code: 'AGENT_CONTROL_NOT_RUNNING' })
  const first = await serveControl({ path }, { ...dependencies, handlers: {} })
  await t.rejects(serveControl({ path }, { ...dependencies, handlers: {} }), { code: 'AGENT_CONTROL_IN_USE' })
  await first.close()
  t.notOk(existsSync(path), 'removed')
  const { spawnSync } = await import('node:child_process')
  const orphan = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', orphan], { env: {} })
  t.ok(existsSync(path), 'left behind by a process that was killed')
  await t.rejects(client.call('status', {}), { code: 'AGENT_CONTROL_NOT_RUNNING' })
  await (await serveControl({ path }, { ...dependencies, handlers: {} })).close()
  writeFileSync(`${home}/file`, '')
  await t.rejects(serveControl({ path: `${home}/file/sock` }, { ...dependencies, handlers: {} }), {
    code: 'AGENT_CONTROL_LISTEN',
  })
  const long = `/${'d'.repeat(120)}`
  t.throws(() => controlSocketPath(long), { code: 'AGENT_CONTROL_PATH', metadata: { bytes: 134 } })
})

t.test('no more than so many commands at once', async (t) => {
  const { path, client } = await serve(t, { 'nodes.list': async () => ({ nodes: [] }) }, 5000)
  const idle = Array.from({ length: MAX_CONTROL_CONNECTIONS }, () => connect(path))
  await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  await t.rejects(client.call('nodes.list', {}), { code: 'AGENT_CONTROL_CLOSED' })
  for (const socket of idle) socket.destroy()
  await wait(20)
  t.same(await client.call('nodes.list', {}), { nodes: [] })
})
