// dtn7-rs: a BPv7 node in Rust that speaks TCPCLv4 and MTCP.
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type ConvergenceLayer, startMtcp, startTcpcl } from '../../bundles/links/index.ts'
import { systemClock } from '../../core/index.ts'
import { bundleTo, Collector, check, eventually, payloadText, type Result } from './support.ts'

const VERSION = '0.21.0'
const run = promisify(execFile)

/** Builds the pinned version below `root`, once: about six minutes on two cores. */
export async function installDtn7(root: string): Promise<string> {
  const bin = join(root, `dtn7-${VERSION}`, 'bin')
  if (existsSync(join(bin, 'dtnd'))) return bin
  const install = ['install', 'dtn7', '--version', VERSION, '--locked', '--root', join(root, `dtn7-${VERSION}`)]
  await run('cargo', install, { maxBuffer: 1 << 26 })
  return bin
}

interface Way {
  readonly cla: 'tcp' | 'mtcp'
  readonly port: number
  /** Payloads, in bytes: over TCPCLv4 it takes no bundle above 64,000. */
  readonly lengths: readonly number[]
  start(collector: Collector): Promise<ConvergenceLayer>
}

const clock = systemClock()
const WAYS: readonly Way[] = [
  {
    cla: 'tcp',
    port: 4556,
    lengths: [10, 1024, 60_000],
    start: (events) =>
      startTcpcl(
        { nodeId: 'dtn://gapmesh/', tls: 'refused', listen: ['4600'], segmentBytes: 10_000 },
        { clock, events },
      ),
  },
  {
    cla: 'mtcp',
    port: 16162,
    lengths: [10, 1024, 300_000],
    start: (events) => startMtcp({ listen: ['4600'] }, { clock, events }),
  },
]

/** Exchanges bundles both ways over every link that both have. The network must hold nobody else. */
export async function exchangeWithDtn7(bin: string): Promise<Result[]> {
  const results: Result[] = []
  for (const way of WAYS) results.push(...(await exchange(bin, way)))
  return results
}

async function exchange(bin: string, way: Way): Promise<Result[]> {
  const collector = new Collector()
  const layer = await way.start(collector)
  const workdir = await mkdtemp(join(tmpdir(), 'gapmesh-dtn7-'))
  const options = [
    '-n',
    'other',
    '-W',
    workdir,
    '-D',
    'mem',
    '-e',
    'incoming',
    '--disable_nd',
    '-j',
    '1s',
    '-r',
    'epidemic',
  ]
  const links = ['-C', `${way.cla}:port=${way.port}:bind=127.0.0.1`, '-s', `${way.cla}://127.0.0.1:4600/gapmesh`]
  const daemon = spawn(join(bin, 'dtnd'), [...options, ...links], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, RUST_LOG: 'error' },
  })
  const name = `dtn7-rs ${VERSION}, ${way.cla === 'tcp' ? 'TCPCLv4' : 'MTCP'}`
  try {
    return [
      await check(`${name}: to it`, async () => {
        const contact = await eventually(() => layer.connect(`127.0.0.1:${way.port}`))
        for (const [at, length] of way.lengths.entries()) {
          const payload = `${at}`.repeat(length)
          const handover = await contact.send(bundleTo('dtn://other/incoming', at, payload))
          if (!handover.taken) throw new Error(`not taken: ${handover.reason}`)
          await eventually(async () => {
            const { stdout } = await run(join(bin, 'dtnrecv'), ['-e', 'incoming'], { maxBuffer: 1 << 24 })
            if (stdout !== payload) throw new Error(`${stdout.length} bytes of payload came`)
          })
        }
      }),
      await check(`${name}: from it`, async () => {
        for (const length of way.lengths) {
          const payload = 'x'.repeat(length)
          const child = run(join(bin, 'dtnsend'), ['-r', 'dtn://gapmesh/in'])
          child.child.stdin?.end(payload)
          await child
          await eventually(async () => {
            if (!collector.bundles.some((bytes) => payloadText(bytes) === payload)) throw new Error('no bundle came')
          })
        }
      }),
    ]
  } finally {
    daemon.kill()
    await layer.close()
  }
}
