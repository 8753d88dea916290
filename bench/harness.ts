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
  readonly met: boolean
}

/** A benchmark: what it is called on the command line and how it is run. */
export interface Benchmark {
  readonly name: string
  readonly run: () => Promise<readonly BenchRow[]>
}

/** Makes a row; `aim` is on the ratio of value to floor. */
export function row(input: { name: string; value: number; floor: number; unit: string; aim: string }): BenchRow {
  const ratio = input.value / input.floor
  return { ...input, value: round(input.value), floor: round(input.floor), ratio: round(ratio), met: meets(ratio, input.aim) }
}

function meets(ratio: number, aim: string): boolean {
  const match = /^(<=|>=) ([0-9.]+)$/.exec(aim)
  if (match === null) throw new TypeError(`not an aim: ${aim}`)
  return match[1] === '<=' ? ratio <= Number(match[2]) : ratio >= Number(match[2])
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}

/** The middle one of the sorted values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new TypeError('no values')
  return middle
}

/** Milliseconds that `work` takes. */
export async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/**
 * Times subject and floor by turns, so that noise of the machine falls on both, and returns the medians in milliseconds.
 * The first round warms up and does not count.
 */
export async function byTurns(rounds: number, subject: () => Promise<unknown>, floor: () => Promise<unknown>): Promise<{ subjectMs: number; floorMs: number }> {
  const subjectMs: number[] = []
  const floorMs: number[] = []
  for (let round = 0; round <= rounds; round += 1) {
    const floorTime = await timeMs(floor)
    const subjectTime = await timeMs(subject)
    if (round === 0) continue
    floorMs.push(floorTime)
    subjectMs.push(subjectTime)
  }
  return { subjectMs: median(subjectMs), floorMs: median(floorMs) }
}

/** Runs `count` jobs, `width` at a time. */
export async function inParallel(count: number, width: number, job: (index: number) => Promise<unknown>): Promise<void> {
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
