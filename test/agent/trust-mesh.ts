/** A CA that answers, and nodes of its mesh in this process, connected in a star around the first. */
import { join } from 'node:path'
import type { Test } from 'tap'
import type { RunningNode } from '../../agent/index.ts'
import type { IngestEvent } from '../../agent/ingest/index.ts'
import { type Clock, sleep, systemClock, utf8 } from '../../core/index.ts'
import { serveCa } from '../../enrollment/api/index.ts'
import { type EnrollmentPolicy, LOCAL_ACTOR } from '../../enrollment/index.ts'
import type { MeshCa } from '../../enrollment/store/index.ts'
import { makeTestCa, testDependencies } from '../helpers/ca.ts'
import { type EnrolledHome, enrolAt, type StartOptions, startAlone, temporaryDirectory } from './node-home.ts'

export const clock = systemClock()

export interface TrustMesh {
  readonly ca: MeshCa
  readonly url: string
  readonly directory: string
  /** Ends the CA's endpoint; the nodes go on. */
  closeCa(): Promise<void>
  /** Opens another endpoint of the CA, with a fresh certificate; its URL. */
  reopenCa(): Promise<string>
  enrol(nodeId: string): Promise<EnrolledHome>
  /** Starts nodes, each connected with the first, once they may append. */
  start(homes: readonly EnrolledHome[], options?: StartOptions): Promise<RunningNode[]>
}

export async function openTrustMesh(
  t: Test,
  policy: Partial<EnrollmentPolicy> = {},
  /** The CA's. */
  caClock: Clock = clock,
): Promise<TrustMesh> {
  const directory = await temporaryDirectory(t)
  const dependencies = testDependencies({ clock: caClock })
  const { ca } = await makeTestCa(t, { home: join(directory, 'ca') }, dependencies)
  await ca.setPolicy({ ...(await ca.policy()), ...policy }, LOCAL_ACTOR)
  const serve = async () => {
    const server = await serveCa({ ca, port: 0, rateBurst: 10_000, ratePerMinute: 100_000 }, dependencies)
    t.teardown(() => server.close())
    return server
  }
  const server = await serve()
  const { url } = server
  return {
    ca,
    url,
    directory,
    closeCa: () => server.close(),
    reopenCa: async () => (await serve()).url,
    enrol: (nodeId) => enrolAt({ ca, url }, { parent: directory, nodeId }),
    async start([first, ...others], options = {}) {
      if (first === undefined) return []
      const hub = await startAlone(t, first, options)
      const bootstrap = hub.parts.overlay.addresses()
      const rest = await Promise.all(others.map((home) => startAlone(t, home, { ...options, bootstrap })))
      const nodes = [hub, ...rest]
      await until('all are connected', () => hub.parts.overlay.peers().length === others.length)
      await until('all may append', () => nodes.every(({ appending }) => appending === 'appending'))
      return nodes
    },
  }
}

/** An event that nobody read from a log. */
export function event(number: number): IngestEvent {
  const nowMs = clock.now()
  return {
    eventType: 'ids_alert',
    payload: utf8(`event ${number}`),
    signature: {
      indicator: `suricata:1:${number}`,
      kind: 'ids_alert',
      severity: 3,
      score: 500,
      firstSeenMs: nowMs,
      lastSeenMs: nowMs,
      count: 1,
      expiresAtMs: nowMs + 60_000,
    },
  }
}

/** Resolves once something holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  const endMs = clock.monotonic() + limitMs
  while (!(await holds())) {
    if (clock.monotonic() > endMs) throw new Error(`not in time: ${what}`)
    await sleep(clock, 20)
  }
}

/** Anomaly records that a node holds. */
export async function anomalies(node: RunningNode): Promise<number> {
  let count = 0
  for await (const _ of node.parts.records.list({ type: 'anomaly' })) count += 1
  return count
}
