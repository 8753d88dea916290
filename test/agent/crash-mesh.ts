import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { LocalMesh } from '../../agent/demo/index.ts'
import { systemClock } from '../../core/index.ts'

/** Reproduces a run: GAPMESH_SEED=… */
export const SEED = Number(process.env.GAPMESH_SEED ?? 20261121)

export const clock = systemClock()

/** How long to wait for what must come. */
export const limit = { limitMs: 60_000, signal: new AbortController().signal }

/** An alert as Suricata writes it, one rule per number. */
export function eveLine(number: number): string {
  return `${JSON.stringify({
    timestamp: '2026-11-20T10:00:00.000000+0000',
    event_type: 'alert',
    src_ip: '192.0.2.7',
    dest_ip: '198.51.100.9',
    alert: { gid: 1, signature_id: 9_000_000 + number, rev: 1, signature: `test ${number}`, severity: 2 },
  })}\n`
}

/** Enrolled nodes in processes of their own, and an empty log for one of them to follow. */
export async function makeMesh(t: Test, nodes: number): Promise<{ mesh: LocalMesh; directory: string; log: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'gm-crash-'))
  const mesh = new LocalMesh({ directory, nodes }, { clock })
  t.teardown(async () => {
    await mesh.close()
    await rm(directory, { recursive: true, force: true })
  })
  await mesh.enrol()
  const log = join(directory, 'eve.json')
  await writeFile(log, '')
  return { mesh, directory, log }
}

/** Anomaly signatures that a node holds. */
export async function anomalies(mesh: LocalMesh, nodeId: string): Promise<number> {
  return (await mesh.client(nodeId).call('records.inventory', {})).anomalies
}

/** Blocks that a node holds, of all chains, and what is wrong with them. */
export async function chains(mesh: LocalMesh, nodeId: string) {
  const { blocksChecked, problems } = await mesh.client(nodeId).call('ledger.check', {})
  return { blocks: blocksChecked, problems }
}
