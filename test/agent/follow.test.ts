import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { type FilePosition, type FollowOptions, followFile, type LineBatch } from '../../agent/ingest/index.ts'
import { MAX_LINE_BYTES, MAX_ROTATED_FILES, MAX_TSV_HEADER_BYTES } from '../../agent/limits.ts'
import { silentLogger, systemClock } from '../../core/index.ts'

/** Follows a real file and collects what comes; `until` waits for a number of lines. */
class Reader {
  readonly lines: string[] = []
  readonly headers: string[] = []
  gaps = 0
  position: FilePosition | undefined
  readonly #stop = new AbortController()
  readonly #iterator: AsyncGenerator<LineBatch, void>

  constructor(path: string, options: Partial<FollowOptions> = {}) {
    this.#iterator = followFile(
      { path, startAt: 'beginning', pollMs: 20, ...options },
      { clock: systemClock(), logger: silentLogger(), signal: this.#stop.signal, onGap: () => (this.gaps += 1) },
    )
  }

  async until(count: number): Promise<string[]> {
    while (this.lines.length < count) {
      const { value, done } = await this.#iterator.next()
      if (done) break
      this.#take(value)
    }
    return this.lines
  }

  /** Reads on for a while. */
  async during(durationMs: number): Promise<string[]> {
    const timer = setTimeout(() => this.#stop.abort(), durationMs)
    await this.until(Number.POSITIVE_INFINITY)
    clearTimeout(timer)
    return this.lines
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#iterator.return()
  }

  #take(batch: LineBatch): void {
    for (const { bytes } of batch.frames)
      this.lines.push(bytes === undefined ? 'TOO LONG' : Buffer.from(bytes).toString())
    for (const line of batch.header) this.headers.push(Buffer.from(line).toString())
    this.position = batch.position
  }
}

/** Lines long enough that a few of them identify a file. */
const line = (name: string) => `${name} ${'.'.repeat(40)}`
const text = (...names: string[]) => names.map((name) => `${line(name)}\n`).join('')
const names = (lines: readonly string[]) => lines.map((read) => read.split(' ')[0])

function log(t: { testdir(content: Record<string, string>): string }): string {
  return `${t.testdir({})}/eve.json`
}

t.test('lines are followed, and a partial last line is waited for', async (t) => {
  const path = log(t)
  writeFileSync(path, text('a', 'b'))
  const reader = new Reader(path)
  t.same(names(await reader.until(2)), ['a', 'b'])
  appendFileSync(path, 'c begins ')
  const waiting = reader.until(3)
  await new Promise((resolve) => setTimeout(resolve, 60))
  appendFileSync(path, 'and ends\n')
  t.equal((await waiting)[2], 'c begins and ends')
  await reader.stop()
})

t.test('a missing file is waited for, its directory too', async (t) => {
  const directory = `${t.testdir({})}/later`
  const reader = new Reader(`${directory}/eve.json`, { startAt: 'end' })
  const waiting = reader.until(1)
  await new Promise((resolve) => setTimeout(resolve, 50))
  mkdirSync(directory)
  writeFileSync(`${directory}/eve.json`, text('a'))
  t.same(names(await waiting), ['a'], 'what appears later is new, also when starting at the end')
  await reader.stop()
})

t.test('starting at the end passes over what is there', async (t) => {
  const path = log(t)
  writeFileSync(path, text('old'))
  const reader = new Reader(path, { startAt: 'end' })
  const waiting = reader.until(1)
  await new Promise((resolve) => setTimeout(resolve, 50))
  appendFileSync(path, text('new'))
  t.same(names(await waiting), ['new'])
  await reader.stop()
})

t.test('rotation by rename: the old file is read to its end first', async (t) => {
  const path = log(t)
  writeFileSync(path, text('a'))
  const reader = new Reader(path)
  await reader.until(1)
  renameSync(path, `${path}.1`)
  appendFileSync(`${path}.1`, text('b'))
  writeFileSync(path, '')
  appendFileSync(`${path}.1`, text('late'))
  appendFileSync(path, text('c', 'd'))
  t.same(names(await reader.until(5)), ['a', 'b', 'late', 'c', 'd'])
  t.equal(reader.gaps, 0)
  await reader.stop()
})

t.test('rotation by rename and removal misses nothing that was read', async (t) => {
  const path = log(t)
  writeFileSync(path, text('a'))
  const reader = new Reader(path)
  await reader.until(1)
  unlinkSync(path)
  writeFileSync(path, text('b'))
  t.same(names(await reader.until(2)), ['a', 'b'])
  t.equal(reader.gaps, 0)
  await reader.stop()
})

t.test('rotation by copy and truncate', async (t) => {
  const path = log(t)
  writeFileSync(path, text('a', 'b'))
  const reader = new Reader(path)
  await reader.until(2)
  appendFileSync(path, text('c'))
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
  appendFileSync(path, text('d'))
  t.same(names(await reader.until(4)), ['a', 'b', 'c', 'd'])
  t.equal(reader.gaps, 0)
  await reader.stop()
})

t.test('truncation without a copy is a gap; what is written afterwards is read', async (t) => {
  const path = log(t)
  writeFileSync(path, text('a', 'b'))
  const reader = new Reader(path)
  await reader.until(2)
  writeFileSync(path, text('c', 'd', 'e'))
  t.same(names(await reader.until(5)), ['a', 'b', 'c', 'd', 'e'], 'noticed although the file is longer than before')
  t.equal(reader.gaps, 1)
  await reader.stop()
})

t.test('a restart continues at the stored position', async (t) => {
  const path = log(t)
  writeFileSync(path, text('a', 'b'))
  const before = new Reader(path)
  await before.until(2)
  await before.stop()
  appendFileSync(path, text('c'))
  const after = new Reader(path, { startAt: before.position! })
  t.same(names(await after.until(1)), ['c'])
  await after.stop()
})

t.test('a restart after rotations reads the rest of every piece in order', async (t) => {
  const path = log(t)
  writeFileSync(path, text('a', 'b'))
  const before = new Reader(path)
  await before.until(2)
  await before.stop()
  writeFileSync(`${path}.0`, text('older, read long ago'))
  appendFileSync(path, text('c'))
  renameSync(path, `${path}.2`)
  await new Promise((resolve) => setTimeout(resolve, 10))
  writeFileSync(`${path}.1`, text('d', 'e'))
  writeFileSync(path, text('f'))
  const after = new Reader(path, { startAt: before.position! })
  t.same(names(await after.until(4)), ['c', 'd', 'e', 'f'])
  t.equal(after.gaps, 0)
  await after.stop()
})

t.test('only the newest rotated files are looked at', async (t) => {
  const rests = async (older: number) => {
    const path = `${t.testdir({})}/eve.json`
    writeFileSync(path, text('a', 'b'))
    const before = new Reader(path)
    await before.until(1)
    await before.stop()
    renameSync(path, `${path}.999`)
    utimesSync(`${path}.999`, 1000, 1000)
    for (let at = 0; at < MAX_ROTATED_FILES; at += 1) {
      writeFileSync(`${path}.${at}`, `${at}`)
      const seconds = at < older ? 500 : 2000
      utimesSync(`${path}.${at}`, seconds, seconds)
    }
    const after = new Reader(path, { startAt: before.position!, mode: 'once' })
    await after.until(1000)
    return after.gaps
  }
  t.equal(await rests(1), 0)
  await t.rejects(rests(0), { code: 'AGENT_INPUT_READ' }, 'the right one is the oldest of one too many')
})

t.test('a restart that finds the old file gone says so', async (t) => {
  const path = log(t)
  writeFileSync(path, text('a', 'b'))
  const before = new Reader(path)
  await before.until(2)
  await before.stop()
  unlinkSync(path)
  writeFileSync(path, text('c'))
  const after = new Reader(path, { startAt: before.position! })
  t.same(names(await after.until(1)), ['c'])
  t.equal(after.gaps, 1)
  await after.stop()
})

t.test('every position in a batch can be continued from', async (t) => {
  const path = log(t)
  writeFileSync(path, text('a', 'b', 'c'))
  const stop = new AbortController()
  const dependencies = { clock: systemClock(), logger: silentLogger(), signal: stop.signal }
  const rests: string[][] = []
  for await (const batch of followFile({ path, startAt: 'beginning', mode: 'once' }, dependencies)) {
    for (const frame of batch.frames) {
      const rest = new Reader(path, { startAt: batch.positionAt(frame), mode: 'once' })
      rests.push(names(await rest.until(9)) as string[])
    }
  }
  t.same(rests, [['b', 'c'], ['c'], []])
})

t.test('a JSON array is read to its end once, and again only when it is another file', async (t) => {
  const path = log(t)
  const element = (name: string) => ({ name, pad: '.'.repeat(60) })
  writeFileSync(path, JSON.stringify([element('a'), element('b')], null, 2))
  const reader = new Reader(path)
  const read = (lines: readonly string[]) => lines.map((json) => JSON.parse(json).name)
  t.same(read(await reader.until(2)), ['a', 'b'])
  await reader.stop()
  const again = new Reader(path, { startAt: reader.position! })
  t.same(await again.during(80), [])
  const replaced = new Reader(path, { startAt: reader.position! })
  const waiting = replaced.until(1)
  writeFileSync(`${path}.new`, JSON.stringify([element('c')]))
  renameSync(`${path}.new`, path)
  t.same(read(await waiting), ['c'])
  await replaced.stop()
})

t.test('mode once ends; the last line needs no line end', async (t) => {
  const path = log(t)
  writeFileSync(path, `${text('a')}unfinished`)
  const reader = new Reader(path, { mode: 'once' })
  t.same(names(await reader.until(9)), ['a', 'unfinished'])
  await t.rejects(new Reader(`${path}.none`, { mode: 'once' }).until(1), { code: 'AGENT_INPUT_READ' })
})

t.test('a TSV log resumed in its middle gets its header again, within its cap', async (t) => {
  const path = log(t)
  writeFileSync(path, `#path\tweird\n#fields\tts\tname\n${text('a', 'b')}`)
  const first = new Reader(path)
  await first.until(3)
  t.same(first.headers, [], 'from the beginning, header lines are lines')
  await first.stop()
  appendFileSync(path, text('c'))
  const resumed = new Reader(path, { startAt: first.position! })
  t.same(names(await resumed.until(1)), ['c'])
  t.same(resumed.headers, ['#path\tweird', '#fields\tts\tname'])
  await resumed.stop()
  const huge = `${path}.huge`
  writeFileSync(huge, `#path\tweird\n#${'x'.repeat(MAX_TSV_HEADER_BYTES)}\n${text('a')}`)
  const whole = new Reader(huge)
  await whole.until(3)
  await whole.stop()
  appendFileSync(huge, text('b'))
  const capped = new Reader(huge, { startAt: whole.position! })
  await capped.until(1)
  t.same(capped.headers, ['#path\tweird'])
  await capped.stop()
})

t.test('a line above the cap is skipped, the next one is read', async (t) => {
  const path = log(t)
  writeFileSync(path, `${'x'.repeat(MAX_LINE_BYTES + 1)}\n${'y'.repeat(MAX_LINE_BYTES)}\n${text('a')}`)
  const reader = new Reader(path, { mode: 'once' })
  const read = await reader.until(9)
  t.same([read[0], read[1]?.length, names(read)[2]], ['TOO LONG', MAX_LINE_BYTES, 'a'])
})

t.test('what is not a plain log is refused', async (t) => {
  const directory = t.testdir({ 'eve.json': '' })
  writeFileSync(`${directory}/eve.json`, gzipSync('{}\n'))
  await t.rejects(new Reader(`${directory}/eve.json`).until(1), { code: 'AGENT_INPUT_COMPRESSED' })
  await t.rejects(new Reader(directory).until(1), { code: 'AGENT_INPUT_NOT_FILE' })
  await t.rejects(new Reader(`${directory}/eve.json/below`).until(1), { code: 'AGENT_INPUT_READ' })
})
