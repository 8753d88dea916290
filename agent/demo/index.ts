/**
 * `gapmesh demo`: the main job on one machine, certificates and a revocation included. A CA and nodes in processes of their own, driven by the same commands and
 * sockets that an operator uses; what is reported was read from the nodes.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { systemClock } from '../../core/index.ts'
import { type Action, type CliIo, type CommandContext, type DemoOptions, type Progress, table } from '../cli/index.ts'
import { inspectLog, SAMPLE } from './input.ts'
import { LocalMesh } from './mesh.ts'
import type { Narrator } from './narrator.ts'
import { type DemoReport, type NodeRow, Scenario } from './scenario.ts'

export { LocalMesh, type MeshOptions } from './mesh.ts'

/** `gapmesh demo`. Exits 0 only when every node holds every signature and every chain verifies. */
export const demo: Action<DemoOptions> = async (options, context) => {
  const clock = systemClock()
  const startedMs = clock.monotonic()
  const { workingDirectory } = context.io
  const log = options.eve === undefined ? SAMPLE : resolve(workingDirectory, options.eve)
  const input = await inspectLog(log, clock)
  outliveSignals(context.io)
  const directory = await openDirectory(options, workingDirectory)
  const mesh = new LocalMesh({ directory, nodes: options.nodes }, { clock })
  const narrator = new TerminalNarrator(context)
  const story = async () => {
    await narrator.step(`${options.nodes} nodes enrol with one-time tokens`, options.nodes)
    let enrolled = 0
    await mesh.enrol(() => narrator.reached(++enrolled))
    const scenario = new Scenario({ ...input, signal: context.signal }, { mesh, clock, narrator })
    return scenario.run(startedMs)
  }
  try {
    const { report, rows } = await unlessAborted(story(), context.signal)
    narrator.end()
    context.result(report, summaryText(report, rows))
    return report.ok ? 0 : 1
  } finally {
    narrator.end()
    await mesh.close(options.keep === undefined ? 'SIGKILL' : 'SIGTERM')
    if (options.keep === undefined) await rm(directory, { recursive: true, force: true })
    else context.note(`Homes are kept in ${directory}`)
  }
}

/** The first signal ends the demo; another one must not end this process before it has cleaned up and said so, which is soon. */
function outliveSignals({ signals }: CliIo): void {
  const stay = () => {}
  signals.on('SIGINT', stay).on('SIGTERM', stay)
}

/** What `work` comes to, or at once the signal's reason: a step that is under way is left to whoever ends its processes. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const stop = Promise.withResolvers<never>()
  const abort = () => stop.reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([work, stop.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function openDirectory(options: DemoOptions, workingDirectory: string): Promise<string> {
  if (options.keep !== undefined) return Promise.resolve(resolve(workingDirectory, options.keep))
  return mkdtemp(join(tmpdir(), 'gapmesh-demo-'))
}

/** A line per step on standard error, with a bar where a step counts and there is a terminal. */
class TerminalNarrator implements Narrator {
  readonly #context: CommandContext
  #bar: Progress | undefined

  constructor(context: CommandContext) {
    this.#context = context
  }

  async step(text: string, total?: number): Promise<void> {
    this.end()
    this.#context.note(`• ${text}`)
    if (total !== undefined && !this.#context.json) this.#bar = await this.#context.progress({ label: '  ', total })
  }

  reached(count: number): void {
    this.#bar?.update(count)
  }

  end(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}

function summaryText(report: DemoReport, rows: readonly NodeRow[]): string {
  const { protocol, group, signature } = report.link
  const lines = table(
    ['node', 'signatures', 'records', 'blocks', 'chain', ''],
    rows.map((row) => [
      row.nodeId,
      `${row.signatures} of ${report.signatures}`,
      String(row.records),
      String(row.blocks),
      row.chainHolds ? 'verified' : 'BROKEN',
      row.role,
    ]),
  )
  const { offline, rotation, revocation } = report
  const { node, missed, caughtUp } = offline
  return [
    lines,
    '',
    `links     ${protocol}, ${group}, ${signature}`,
    `outage    ${node} missed ${missed} and caught up ${caughtUp}`,
    `rotation  ${rotation.rotated} nodes have new certificates, ${rotation.lost} signatures were lost`,
    `revoked   ${revocation.node}, refused by ${revocation.refusedBy} within ${revocation.withinMs} ms`,
    `${report.ok ? 'ok' : 'FAILED'}        every signature on every node in ${(report.elapsedMs / 1000).toFixed(1)} s`,
  ].join('\n')
}
