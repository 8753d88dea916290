import type { CliIo } from './io.ts'

/** How far a long command is. */
export interface Progress {
  update(done: number): void
  /** Takes the bar away. */
  stop(): void
}

/** A progress bar on a terminal; nothing where standard error is a pipe or a file. */
export async function createProgress(options: { label: string; total: number }, io: CliIo): Promise<Progress> {
  if (!io.stderr.isTTY) return { update: () => {}, stop: () => {} }
  const { SingleBar } = await import('cli-progress')
  const bar = new SingleBar({
    format: `${options.label} [{bar}] {value}/{total}`,
    stream: io.stderr,
    hideCursor: true,
    clearOnComplete: true,
  })
  bar.start(options.total, 0)
  return { update: (done) => bar.update(done), stop: () => bar.stop() }
}
