// npm run bench -- [NAME] [--json]: measures, each figure beside its floor in the same run.
import { agentBenchmark } from './agent.ts'
import type { Benchmark, BenchRow } from './harness.ts'
import { handshakeBenchmark } from './handshake.ts'
import { ledgerBenchmark } from './ledger.ts'
import { recordsBenchmark } from './records.ts'
import { stormBenchmark } from './storm.ts'

const BENCHMARKS: readonly Benchmark[] = [recordsBenchmark, ledgerBenchmark, stormBenchmark, handshakeBenchmark, agentBenchmark]

function table(rows: readonly BenchRow[]): string {
  const cells = rows.map((row) => [
    row.name,
    `${row.value} ${row.unit}`,
    `${row.floor} ${row.unit}`,
    `${row.ratio} ×`,
    row.aim,
    row.met ? 'yes' : 'no',
  ])
  const lines = [['what', 'measured', 'floor', 'ratio', 'aim', 'met'], ...cells]
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? []
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n')
}

const names = process.argv.slice(2).filter((argument) => argument !== '--json')
const unknown = names.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name))
if (unknown.length > 0) {
  console.error(`No benchmark is called ${unknown.join(', ')}. There are: ${BENCHMARKS.map((benchmark) => benchmark.name).join(', ')}`)
  process.exit(2)
}
const chosen = BENCHMARKS.filter((benchmark) => names.length === 0 || names.includes(benchmark.name))
const rows: BenchRow[] = []
for (const benchmark of chosen) {
  process.stderr.write(`measuring ${benchmark.name} …\n`)
  rows.push(...(await benchmark.run()))
}
console.log(process.argv.includes('--json') ? JSON.stringify(rows, null, 2) : table(rows))
