import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One line of the benchmark table: a measured value beside its floor, measured in the same run. */
export interface BenchRow {
  readonly name: string
  /** Measured, in `unit`. */
  readonly value: number
  readonly unit: string
  /** The floor or peer, measured the same way in the same run. */
  readonly floor: number
  /** value / floor. */
  readonly ratio: number
  /** Such as `<= 1.1` or `>= 0.7`, on the ratio; empty for a row that is only shown. */
  readonly aim: string
  /** True also for a row without an aim. */
  readonly met: boolean
}

/** A benchmark: what it is called on the command line, the rows it gives, and how it is run. */
export interface Benchmark {
  readonly name: string
  /** Names of its rows, in order. */
  readonly rows: readonly string[]
  readonly run: () => Promise<readonly BenchRow[]>
}

/** What a row is made of. */
export interface RowInput {
  readonly name: string
  readonly value: number
  readonly floor: number
  readonly unit: string
  /** On the ratio of value to floor: `<= 1.1`, `>= 0.7`, or empty. */
  readonly aim: string
}

/**
 * Makes a row.
 * @throws {TypeError} when the aim is not one
 */
export function row({ name, value, floor, unit, aim }: RowInput): BenchRow {
  const ratio = value / floor
  return { name, value: round(value), unit, floor: round(floor), ratio: round(ratio), aim, met: meets(ratio, aim) }
}

function meets(ratio: number, aim: string): boolean {
  if (aim === '') return true
  const match = /^(<=|>=) ([0-9.]+)$/.exec(aim)
  if (match === null) throw new TypeError(`not an aim: ${aim}`)
  return match[1] === '<=' ? ratio <= Number(match[2]) : ratio >= Number(match[2])
}

/** Four digits are more than any of these figures is good for. */
function round(value: number): number {
  return Number(value.toPrecision(4))
}

/** Rows as a table for people. */
export function table(rows: readonly BenchRow[]): string {
  const cells = rows.map(({ name, value, floor, unit, ratio, aim, met }) => {
    const verdict = aim === '' ? '' : met ? 'yes' : 'no'
    return [name, `${value} ${unit}`, `${floor} ${unit}`, `${ratio} ×`, aim, verdict]
  })
  const lines = [['what', 'measured', 'floor', 'ratio', 'aim', 'met'], ...cells]
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? []
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The middle one of the sorted values; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.floor((sorted.length - 1) / 2)]
  if (upper === undefined || lower === undefined) throw new TypeError('no values')
  return (upper + lower) / 2
}

/** Milliseconds that `work` takes. */
export async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** Subject and floor of one row: each makes one measurement of equal work. */
export interface Turns {
  /** Rounds that count; one more, the first, warms up. */
  readonly rounds: number
  readonly subject: () => Promise<number>
  readonly floor: () => Promise<number>
}

/**
 * Measures subject and floor by turns, changing which goes first, so that the machine's noise and whatever one leaves
 * behind for the other (garbage, a warm cache) fall on both. Answers the median of each.
 */
export async function byTurns({ rounds, subject, floor }: Turns): Promise<{ value: number; floor: number }> {
  const values: number[] = []
  const floors: number[] = []
  for (let round = 0; round <= rounds; round += 1) {
    const turns = [async () => values.push(await subject()), async () => floors.push(await floor())]
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn()
  }
  return { value: median(values.slice(1)), floor: median(floors.slice(1)) }
}

/** Microseconds that one of `count` jobs takes, `width` at a time. */
export async function microsecondsEach(
  count: number,
  width: number,
  job: (index: number) => Promise<unknown>,
): Promise<number> {
  return ((await timeMs(() => inParallel(count, width, job))) * 1000) / count
}

/** Runs `count` jobs, `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  job: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) {
      const index = next
      next += 1
      await job(index)
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
}

/** Runs `work` with a directory of its own, which is gone afterwards. */
export async function inTemporaryDirectory<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'gapmesh-bench-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
