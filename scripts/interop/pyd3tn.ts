// pyd3tn: the protocol library of µD3TN in Python; its MTCP and its BPv7 codec.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startMtcp } from '../../bundles/links/index.ts'
import { systemClock } from '../../core/index.ts'
import { bundleTo, Collector, check, eventually, payloadText, type Result } from './support.ts'

const VERSION = '0.15.2'
const PEER = join(import.meta.dirname, 'pyd3tn_peer.py')
const run = promisify(execFile)

/** Installs the pinned version into a virtual environment below `root`, once. */
export async function installPyd3tn(root: string): Promise<string> {
  const home = join(root, `pyd3tn-${VERSION}`)
  const python = join(home, 'bin', 'python')
  if (existsSync(join(home, 'done'))) return python
  await run('python3', ['-m', 'venv', home])
  await run(python, ['-m', 'pip', 'install', '--quiet', `pyd3tn==${VERSION}`])
  await run('touch', [join(home, 'done')])
  return python
}

/** Sends to it and receives from it. */
export async function exchangeWithPyd3tn(python: string): Promise<Result[]> {
  const collector = new Collector()
  const layer = await startMtcp({ listen: ['4700'] }, { clock: systemClock(), events: collector })
  try {
    return [
      await check(`pyd3tn ${VERSION}, MTCP: to it`, async () => {
        const peer = run(python, [PEER, 'receive', '4701', '3'])
        const contact = await eventually(() => layer.connect('127.0.0.1:4701'))
        const payloads = ['a', 'b'.repeat(1024), 'c'.repeat(100_000)]
        for (const [at, payload] of payloads.entries()) await contact.send(bundleTo('dtn://other/in', at, payload))
        const { stdout } = await peer
        if (stdout.trim() !== payloads.map((payload) => `${payload[0]} ${payload.length}`).join('\n')) {
          throw new Error(`it read ${stdout}`)
        }
      }),
      await check(`pyd3tn ${VERSION}, MTCP: from it`, async () => {
        await run(python, [PEER, 'send', '4700', '3'])
        await eventually(async () => {
          const lengths = collector.bundles.map((bytes) => payloadText(bytes).length)
          if (lengths.join() !== '10,1000,100000') throw new Error(`payloads of ${lengths} bytes came`)
        })
      }),
    ]
  } finally {
    await layer.close()
  }
}
