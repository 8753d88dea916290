// The built agent with nothing to do, beside a bare libp2p node with the same services.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sleep, systemClock } from '../core/index.ts'
import { type Benchmark, byTurns, inTemporaryDirectory, median, row } from './harness.ts'
import { enrolHomes } from './homes.ts'

const ROOT = join(import.meta.dirname, '..')
const BARE_NODE = join(import.meta.dirname, 'peers/bare-node.mjs')

/** How long a process has nothing to do before its memory is read, in milliseconds. */
const IDLE_MS = 10_000
const MEMORY_ROUNDS = 3
const START_ROUNDS = 5

/** A process that said a first line on standard output: it is ready. */
interface Ready {
  readonly child: ChildProcess
  readonly startMs: number
}

/** Nothing of the environment that starts the benchmark, such as NODE_OPTIONS, reaches what is measured. */
async function start(script: string, args: readonly string[]): Promise<Ready> {
  const started = performance.now()
  const child = spawn(process.execPath, [script, ...args], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${script} ended with ${code} before it was ready`)
  })
  await Promise.race([once(child.stdout, 'data'), ended])
  ended.catch(() => {})
  return { child, startMs: performance.now() - started }
}

async function stop({ child }: Ready): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

async function startMs(begin: () => Promise<Ready>): Promise<number> {
  const ready = await begin()
  await stop(ready)
  return ready.startMs
}

/** Proportional set size in MiB: memory of the process, shared pages counted by share. Linux only. */
async function memoryOf({ child }: Ready): Promise<number> {
  const rollup = await readFile(`/proc/${child.pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]) / 1024
}

/** Both idle at the same time: they take nothing from each other, and share the same pages. */
async function memories(subject: () => Promise<Ready>, floor: () => Promise<Ready>): Promise<[number, number]> {
  const ready = [await subject(), await floor()] as const
  await sleep(systemClock(), IDLE_MS)
  const figures = [await memoryOf(ready[0]), await memoryOf(ready[1])] as [number, number]
  await Promise.all(ready.map(stop))
  return figures
}

/** What an agent weighs before it has seen anything. */
export const agentBenchmark: Benchmark = {
  name: 'agent',
  rows: ['agent-memory', 'agent-start'],
  async run() {
    await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.ts')])
    return inTemporaryDirectory(async (directory) => {
      const [home] = await enrolHomes(directory, 1)
      const args = ['--home', home!.home.directory, '--keystore-key-file', home!.keyFile, '--log-level', 'silent']
      const agent = () =>
        start(join(ROOT, 'dist/agent/main.js'), ['run', ...args, '--mesh-listen', '/ip4/127.0.0.1/tcp/0'])
      const bare = () => start(BARE_NODE, [])
      const starts = await byTurns({ rounds: START_ROUNDS, subject: () => startMs(agent), floor: () => startMs(bare) })
      const found: [number, number][] = []
      for (let left = MEMORY_ROUNDS; left > 0; left -= 1) found.push(await memories(agent, bare))
      const [value, floor] = [median(found.map(([subject]) => subject)), median(found.map(([, floor]) => floor))]
      return [
        row({ name: 'agent-memory', aim: '<= 1.4', unit: 'MiB', value, floor }),
        row({ name: 'agent-start', aim: '<= 2.5', unit: 'ms', ...starts }),
      ]
    })
  },
}
