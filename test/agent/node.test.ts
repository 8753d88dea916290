import { execFileSync } from 'node:child_process'
import { appendFile, open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { RunningNode } from '../../agent/index.ts'
import { decodePosition, encodePosition, type IngestEvent, loadPositions } from '../../agent/ingest/index.ts'
import { MAX_TAIL_BACKLOG } from '../../agent/limits.ts'
import { controlHandlers } from '../../agent/node/handlers.ts'
import { nodeStatus } from '../../agent/node/status.ts'
import { tailRecords } from '../../agent/node/tail.ts'
import { isGapmeshError, sleep, systemClock, utf8 } from '../../core/index.ts'
import { MAX_PAYLOAD_BYTES } from '../../ledger/index.ts'
import { type CheckedRecord, signRecord } from '../../records/index.ts'
import { eveLine } from './crash-mesh.ts'
import { enrolHome, startAlone, temporaryDirectory } from './node-home.ts'
import { Terminal } from './process.ts'

const clock = systemClock()

function event(number: number, changes: Partial<IngestEvent['signature']> = {}): IngestEvent {
  const nowMs = clock.now()
  return {
    eventType: 'ids_alert',
    payload: utf8(`event ${number}`),
    signature: {
      indicator: `suricata:1:${number}`,
      kind: 'ids_alert',
      severity: 3,
      score: 500,
      firstSeenMs: nowMs,
      lastSeenMs: nowMs,
      count: 1,
      expiresAtMs: nowMs + 60_000,
      ...changes,
    },
  }
}

/** What `node` holds and whether its chain verifies. */
async function state(node: RunningNode) {
  const handlers = controlHandlers(node)
  const signal = new AbortController().signal
  const { records, anomalies } = (await handlers['records.inventory']?.({}, signal)) ?? {}
  const { ok, blocksChecked } = (await handlers['ledger.check']?.({}, signal)) ?? {}
  return { records, anomalies, blocks: blocksChecked, ok }
}

async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  const endMs = clock.monotonic() + limitMs
  while (!(await unlessReopening(holds))) {
    if (clock.monotonic() > endMs) throw new Error(`not in time: ${what}`)
    await sleep(clock, 20)
  }
}

/** The database is opened anew after a full disk, and who reads it just then is cut off: ask again. */
async function unlessReopening(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await holds()
  } catch (error) {
    if (isGapmeshError(error, 'CORE_STORE_READ')) return false
    throw error
  }
}

t.test('events that can never be accepted are left out, counted and told', async (t) => {
  const directory = await temporaryDirectory(t)
  const node = await startAlone(t, await enrolHome(t, directory))
  await until('it may append', () => node.appending === 'appending')
  const { acceptor, database } = node.parts
  const position = { device: '1', inode: '2', offset: 77, fingerprintBytes: 0, fingerprint: new Uint8Array(32) }
  const events = [
    event(1),
    event(2, { kind: 'Not A Kind' }),
    { ...event(3), payload: new Uint8Array(MAX_PAYLOAD_BYTES) },
    event(4, { lastSeenMs: 0 }),
    event(5),
  ]
  await acceptor.accept({
    events,
    positions: [{ input: 'log', position: encodePosition(position) }],
    counters: node.parts.ingest.counters(),
  })
  t.same(await state(node), { records: 1, anomalies: 2, blocks: 2, ok: true }, 'the others are one record')
  const [stored = new Uint8Array()] = (await loadPositions(database)).values()
  t.equal(decodePosition(stored).offset, 77, 'reading goes on after them')
  await acceptor.accept({ events: events.slice(1, 3), positions: [], counters: node.parts.ingest.counters() })
  const { ingest, warnings } = await nodeStatus(node)
  t.equal(ingest.counters.failed, 5)
  t.match(warnings, [/^5 events could never be accepted/])
})

t.test('with a clock in 1970 or 2099 a node goes by what its CA has signed, and says so', async (t) => {
  const directory = await temporaryDirectory(t)
  const at = await enrolHome(t, directory)
  const eve = join(directory, 'eve.json')
  let offsetMs = 0
  const wrong = { ...clock, now: () => clock.now() + offsetMs }
  const first = await startAlone(t, at, { clock: wrong })
  await until('it may append', () => first.appending === 'appending')
  const { record } = await first.publish([event(1)])
  await first.stop()
  for (const [round, now, standing] of [
    [2, Date.UTC(2099, 0), 'ahead'],
    [3, 0, 'behind'],
  ] as const) {
    offsetMs = now - clock.now()
    await appendFile(eve, eveLine(round))
    const node = await startAlone(t, at, { eve, clock: wrong })
    await until('the alert is signed', async () => (await state(node)).anomalies === round)
    const { trust, warnings } = await nodeStatus(node)
    t.match(trust.clock, { standing, nowMs: Number, offByMs: Number })
    t.ok(
      Math.abs(trust.clock.nowMs - node.certificate.notBeforeMs) < 60_000,
      'the time of the certificate, and what passed',
    )
    t.match(warnings[0], new RegExp(`^the clock of this machine is .* ${standing}: set it, or vouch`))
    for await (const { record: later } of node.parts.records.list()) {
      t.ok(later.createdAtMs >= record.createdAtMs && later.createdAtMs < record.createdAtMs + 60_000)
    }
    await node.stop()
  }
  offsetMs = 0
  const node = await startAlone(t, at, { eve, clock: wrong })
  t.same(await state(node), { records: 3, anomalies: 3, blocks: 3, ok: true })
  t.same((await nodeStatus(node)).warnings, [])
})

t.test(
  'with a clock beyond its certificate a node signs nothing, and forgets nothing, until it is right',
  async (t) => {
    const directory = await temporaryDirectory(t)
    const at = await enrolHome(t, directory)
    const eve = join(directory, 'eve.json')
    let offsetMs = 0
    const wrong = { ...clock, now: () => clock.now() + offsetMs }
    const first = await startAlone(t, at, { clock: wrong })
    await until('it may append', () => first.appending === 'appending')
    await first.publish([event(1)])
    await first.stop()
    await writeFile(eve, eveLine(2))
    offsetMs = 80 * 86_400_000
    const node = await startAlone(t, at, { eve, clock: wrong })
    await until('the alert waits', () => node.parts.acceptor.state().waitingFor === 'AGENT_CERTIFICATE_ENDED')
    t.match(await state(node), { records: 1, anomalies: 1, blocks: 1 }, 'what seems to have expired is kept')
    const { trust, warnings } = await nodeStatus(node)
    t.match(trust, {
      clock: { standing: 'trusted' },
      grace: { used: 0, left: 3, help: /see that https:.* can be reached/ },
    })
    t.match(
      warnings.join('\n'),
      /certificate ended before it could be renewed.*\nno revocation list has ever come.*\n.*certificate of this node has expired\n.*expired records are kept/,
    )
    offsetMs = 0
    await until('the clock is right', async () => (await state(node)).anomalies === 2)
  },
)

t.test('what no event is to blame for stops the reading, visibly, and loses nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  const at = await enrolHome(t, directory)
  const eve = join(directory, 'eve.json')
  await writeFile(eve, eveLine(1))
  const node = await startAlone(t, at, { eve })
  await until('the first alert is accepted', async () => (await state(node)).anomalies === 1)
  await node.parts.database.close()
  await appendFile(eve, eveLine(2))
  await until('reading has stopped', () => node.stoppedBy !== undefined)
  t.equal(node.stoppedBy, 'CORE_STORE_CLOSED')
  t.match((await nodeStatus(node)).warnings, [/^reading the logs has stopped: CORE_STORE_CLOSED/])
  await node.stop()
  const again = await startAlone(t, at, { eve })
  await until('a restart goes on from there', async () => (await state(again)).anomalies === 2)
  t.same((await nodeStatus(again)).warnings, [])
})

t.test('a node with a damaged ledger runs, appends nothing and says so', async (t) => {
  const terminal = await Terminal.open(t)
  const at = await enrolHome(t, terminal.directory)
  const node = await startAlone(t, at)
  for (let number = 1; number <= 30; number += 1) await node.publish([event(number)])
  await node.stop()
  await flipBit(at.home.database)
  const damaged = await startAlone(t, at)
  t.equal(damaged.appending, 'damaged')
  await t.rejects(damaged.publish([event(31)]), { code: 'AGENT_NODE_NOT_APPENDING', message: /: damaged$/ })
  const status = await nodeStatus(damaged)
  t.match(status, { append: 'damaged', ledger: { headSeq: 30 } })
  t.ok(
    status.warnings.some((line) =>
      /the ledger is damaged, nothing is appended: see docs\/operations\/node.md/.test(line),
    ),
  )
  const check = await state(damaged)
  t.equal(check.ok, false)
  await damaged.stop()
  const doctor = await terminal.run('doctor --home sensor-1 --key-file sensor-1.key')
  t.match(doctor, { code: 1, out: /^store +failed +.*sensor-1: blocks? .*missing.*docs\/operations\/node.md/m })
})

/** Changes one bit in the middle of LevelDB's log, which opens all the same and drops what is near it. */
async function flipBit(database: string): Promise<void> {
  const logs = (await readdir(database)).filter((name) => name.endsWith('.log')).sort()
  const file = join(database, logs.at(-1) ?? '')
  await using handle = await open(file, 'r+')
  const at = Math.floor((await stat(file)).size / 2)
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at)
  buffer[0] = (buffer[0] ?? 0) ^ 1
  await handle.write(buffer, 0, 1, at)
}

t.test('after its newest blocks were lost, a node does not use the numbers of their records again', async (t) => {
  const directory = await temporaryDirectory(t)
  const node = await startAlone(t, await enrolHome(t, directory))
  const first = await node.publish([event(1)])
  // What a peer gives back: a record whose blocks this node has lost, and nobody else had yet.
  const lost = await signRecord(
    { ...first.record, sequence: 40 },
    { ...node.parts.identity, ...node.parts.membership.current, deviceKey: node.parts.keys.deviceKey },
    { policy: 'hybrid' },
  )
  t.equal(await node.parts.inbox.receive(lost.bytes, { road: 'catch-up', nodeId: 'relay-1' }), 'accept')
  const second = await node.publish([event(2)])
  t.equal(second.blocks[0]?.seq, 2, 'the chain has no gap')
  t.equal(second.record.sequence, 41, 'peers that hold the lost record take this one')
  t.equal((await node.publish([event(3)])).record.sequence, 42)
  t.same(await state(node), { records: 4, anomalies: 4, blocks: 3, ok: true })
})

t.test('with a full disk the agent waits; when space returns it goes on, and nothing is lost', async (t) => {
  const disk = await smallDisk(t, '24m')
  if (disk === undefined) return void t.pass('full disk', { skip: 'mounting a small disk is not allowed here' })
  const logs = await temporaryDirectory(t)
  const eve = join(logs, 'eve.json')
  await writeFile(eve, eveLine(1))
  const node = await startAlone(t, await enrolHome(t, disk), { eve })
  await until('the first alert is accepted', async () => (await state(node)).anomalies === 1)
  await fill(join(disk, 'filler'))
  for (let number = 2; number <= 200; number += 1) await appendFile(eve, eveLine(number))
  await until('it waits for the disk', () => node.parts.acceptor.state().waitingFor !== undefined)
  t.equal(node.parts.acceptor.state().waitingFor, 'CORE_STORE_WRITE')
  t.match((await nodeStatus(node)).warnings, [
    /^events wait to be accepted: CORE_STORE_WRITE; nothing of them is lost$/,
  ])
  await t.rejects(node.publish([event(201)]), { code: 'CORE_STORE_WRITE', hint: /Free space/ })
  await sleep(clock, 1_500)
  await until('what was accepted is readable', async () => {
    const held = await state(node)
    return held.records === 1 && held.anomalies === 1 && held.blocks === 1 && held.ok === true
  })
  await rm(join(disk, 'filler'))
  await until('everything is accepted', async () => (await state(node)).anomalies === 200)
  const { blocks, ok } = await state(node)
  t.same({ blocks, ok }, { blocks: 200, ok: true }, 'each alert once')
  t.equal(node.appending, 'appending')
  await until('the warning is gone', async () => (await nodeStatus(node)).warnings.length === 0)
})

/** A disk of `size` that is thrown away after the test; undefined where mounting is not allowed. */
async function smallDisk(t: Test, size: string): Promise<string | undefined> {
  const path = await temporaryDirectory(t)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  t.teardown(() => execFileSync('umount', ['--lazy', path]))
  return path
}

async function fill(file: string): Promise<void> {
  for (const size of [65_536, 4096, 512]) {
    try {
      for (;;) await writeFile(file, new Uint8Array(size), { flag: 'a' })
    } catch {}
  }
}

t.test('a reader that falls far behind is cut off', async (t) => {
  const directory = await temporaryDirectory(t)
  const node = await startAlone(t, await enrolHome(t, directory))
  const { record } = await node.publish([event(1)])
  const stop = new AbortController()
  const reader = (tell: (record: CheckedRecord) => void, filter = {}) => {
    let listener: typeof tell | undefined
    const records = tailRecords(
      (given) => {
        listener = given
        return () => (listener = undefined)
      },
      filter,
      stop.signal,
    )
    return {
      records,
      tell: (count: number) => Array.from({ length: count }, () => listener?.(record)),
      heard: () => listener !== undefined,
    }
  }
  const slow = reader(() => {})
  const first = slow.records.next()
  slow.tell(1)
  t.match((await first).value, { origin: 'sensor-1' })
  slow.tell(MAX_TAIL_BACKLOG)
  t.match((await slow.records.next()).value, { origin: 'sensor-1' }, 'so many may wait')
  slow.tell(2)
  await t.rejects(slow.records.next(), { code: 'AGENT_CONTROL_TOO_SLOW' })
  t.notOk(slow.heard(), 'nothing more is kept for it')
  const narrow = reader(() => {}, { minSeverity: 5 })
  const never = narrow.records.next()
  narrow.tell(MAX_TAIL_BACKLOG + 1)
  stop.abort()
  t.match(await never, { done: true }, 'what is not asked for does not count')
})

t.test('one of several records is found by the first digits of its id', async (t) => {
  const directory = await temporaryDirectory(t)
  const node = await startAlone(t, await enrolHome(t, directory))
  const ids: string[] = []
  const show = async (id: string) => controlHandlers(node)['records.show']?.({ id }, new AbortController().signal)
  for (let number = 1; number <= 20; number += 1) {
    const { record } = await node.publish([event(number)])
    ids.push(Buffer.from(record.id).toString('hex'))
  }
  for (const id of ids) {
    const digits = [4, 5, 6, 8]
      .map((count) => id.slice(0, count))
      .find((start) => ids.filter((other) => other.startsWith(start)).length === 1)
    t.match(await show(digits ?? id), { id })
  }
  const first = ids.find((id) => ids.filter((other) => other.slice(0, 2) === id.slice(0, 2)).length > 1)
  if (first !== undefined) await t.rejects(show(first.slice(0, 2)), { code: 'AGENT_RECORD_AMBIGUOUS' })
})
