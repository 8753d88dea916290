// npm run bench -- [NAME...] [--json]: measures, each figure beside its floor in the same run.
import { BENCHMARKS } from './benchmarks.ts'
import { type BenchRow, table } from './harness.ts'

const names = process.argv.slice(2).filter((argument) => argument !== '--json')
const unknown = names.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name))
if (unknown.length > 0) {
  const known = BENCHMARKS.map(({ name }) => name).join(', ')
  console.error(`No benchmark is called ${unknown.join(', ')}. There are: ${known}`)
  process.exit(2)
}
const rows: BenchRow[] = []
for (const benchmark of BENCHMARKS) {
  if (names.length > 0 && !names.includes(benchmark.name)) continue
  process.stderr.write(`measuring ${benchmark.name} …\n`)
  const measured = await benchmark.run()
  if (measured.map((row) => row.name).join() !== benchmark.rows.join()) {
    throw new TypeError(`benchmark ${benchmark.name} did not give the rows that it names`)
  }
  rows.push(...measured)
}
console.log(process.argv.includes('--json') ? JSON.stringify(rows, null, 2) : table(rows))
