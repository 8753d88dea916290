import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { BENCHMARKS } from '../bench/benchmarks.ts'
import { byTurns, inParallel, median, row, table } from '../bench/harness.ts'
import { ROOT } from './helpers/sources.ts'

t.test('the median is the middle, whatever the order', async (t) => {
  t.equal(median([9, 1, 5]), 5)
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.throws(() => median([]), TypeError)
})

t.test('a row is judged by the ratio of value to floor', async (t) => {
  const judged = (value: number, aim: string) => row({ name: 'x', unit: 'ms', value, floor: 2, aim }).met
  t.same([judged(3, '<= 1.5'), judged(3.1, '<= 1.5')], [true, false])
  t.same([judged(3, '>= 1.5'), judged(2.9, '>= 1.5')], [true, false])
  t.equal(judged(1_000, ''), true, 'a row without an aim')
  t.throws(() => judged(1, '< 2'), TypeError)
  const shown = row({ name: 'x', unit: 'ms', value: 1 / 3, floor: 2, aim: '' })
  t.same(shown, { name: 'x', value: 0.3333, unit: 'ms', floor: 2, ratio: 0.1667, aim: '', met: true })
})

t.test('the table says whether an aim was met, and nothing where there is none', async (t) => {
  const rows = ['<= 1', '>= 1', ''].map((aim) => row({ name: 'n', unit: 'µs', value: 3, floor: 2, aim }))
  const lines = table(rows).split('\n')
  t.match(lines[0], /^what +measured +floor +ratio +aim +met$/)
  t.match(lines[1], /^n +3 µs +2 µs +1\.5 × +<= 1 +no$/)
  t.match(lines[2], />= 1 +yes$/)
  t.match(lines[3], /1\.5 ×$/)
})

t.test('subject and floor take turns, and the first round does not count', async (t) => {
  const order: string[] = []
  const told = (name: string, values: number[]) => async () => {
    order.push(name)
    return values.shift() ?? 0
  }
  const figures = await byTurns({ rounds: 3, subject: told('s', [99, 1, 2, 3]), floor: told('f', [99, 6, 5, 4]) })
  t.same(figures, { value: 2, floor: 5 })
  t.equal(order.join(''), 'sffssffs')
})

t.test('jobs run so many at a time', async (t) => {
  const seen: number[] = []
  let running = 0
  let most = 0
  await inParallel(10, 3, async (index) => {
    running += 1
    most = Math.max(most, running)
    await new Promise((resolve) => setImmediate(resolve))
    seen.push(index)
    running -= 1
  })
  t.equal(most, 3)
  t.same(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

t.test('an unknown name is refused with the known ones, before anything is measured', async (t) => {
  const { code, stdout, stderr } = await run('nonsense', '--json')
  t.equal(code, 2)
  t.equal(stdout, '')
  for (const { name } of BENCHMARKS) t.match(stderr, name)
})

t.test('docs/benchmarks.md has a line for every row', async (t) => {
  const page = await readFile(join(ROOT, 'docs/benchmarks.md'), 'utf8')
  const documented = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name)
  const rows = BENCHMARKS.flatMap(({ rows }) => rows)
  t.same([...new Set(documented)].sort(), [...rows].sort())
  t.equal(new Set(rows).size, rows.length, 'no name twice')
})

function run(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH }
    execFile(process.execPath, [join(ROOT, 'bench/main.ts'), ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
  })
}
