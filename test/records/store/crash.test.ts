import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { NOW_MS } from '../scene.ts'
import { series, unsigned } from './fake-records.ts'
import { openAt } from './open.ts'

const WRITER = fileURLToPath(new URL('./writer.ts', import.meta.url))

/** Runs the writer, kills it after `count` records, and returns the sequences that it said are on disk. */
async function writeAndKill(path: string, first: number, count: number): Promise<number[]> {
  const child = spawn(process.execPath, [WRITER, path, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH },
  })
  const ended = once(child, 'exit')
  const acknowledged: number[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(Number(line))
    if (acknowledged.length === count) child.kill('SIGKILL')
  }
  const [, signal] = await ended
  t.equal(signal, 'SIGKILL')
  return acknowledged
}

t.test('a process that is killed keeps every record that it called stored', async (t) => {
  const path = t.testdir()
  const acknowledged: number[] = []
  for (const [round, count] of [30, 111, 7].entries()) {
    acknowledged.push(...(await writeAndKill(path, round * 10_000, count)))
    const { store, close } = await openAt(path)
    for (const sequence of acknowledged) {
      const record = unsigned({ sequence, createdAtMs: NOW_MS + sequence })
      if (!store.isDuplicate(record.id, record.createdAtMs)) t.fail(`${sequence} is lost`)
    }
    const report = await store.check()
    t.match(report, { ok: true, missing: 0 })
    t.equal(store.counts().records, report.records)
    t.ok(report.records >= acknowledged.length, `${report.records} records, ${acknowledged.length} acknowledged`)
    t.ok(store.nextSequence('sensor-01', 'anomaly') > Math.max(...acknowledged), 'no sequence is used again')
    await close()
  }
})

t.test('a batch that the disk lost without a word is noticed, and known until as many are there again', async (t) => {
  const path = t.testdir()
  const first = await openAt(path)
  for (const record of series(200)) await first.store.admit(record, NOW_MS)
  await first.close()
  const log = join(path, readdirSync(path).find((name) => name.endsWith('.log')) ?? '')
  const bytes = readFileSync(log)
  const at = bytes.length >>> 2 // LevelDB drops the rest of that 32 KiB block and reads on in the next
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(log, bytes)

  const damaged = await openAt(path)
  const { records, missing } = damaged.store.counts()
  t.ok(missing > 0 && records + missing === 200, `${missing} of 200 are missing`)
  t.match(await damaged.store.check(), { ok: false, missing, records })
  await damaged.store.admit(unsigned({ sequence: 500, createdAtMs: NOW_MS + 500 }), NOW_MS)
  await damaged.close()

  const again = await openAt(path)
  t.match(again.store.counts(), { records: records + 1, missing: missing - 1 })
  for (const record of series(200)) await again.store.admit(record, NOW_MS)
  t.match(again.store.counts(), { records: 201, missing: 0 })
  await again.close()

  const healed = await openAt(path)
  t.match(healed.store.counts(), { records: 201, missing: 0 })
  t.match(await healed.store.check(), { ok: true })
  await healed.close()
})
