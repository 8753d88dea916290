import type { Command } from 'commander'
import { AGENT_ERRORS } from '../errors.ts'
import type { CliActions, ExitCode } from './actions.ts'
import { type CommandContext, type CommonOptions, createContext } from './context.ts'
import type { CliIo } from './io.ts'

type Task = (context: CommandContext) => Promise<ExitCode | undefined>

/** Actions that go on until they are told to stop, and then take the time they need. */
const STOPS_ITSELF: ReadonlySet<keyof CliActions> = new Set<keyof CliActions>(['run', 'caServe', 'demo'])

/** Runs one command's task in its context and remembers the exit code. */
export class CommandRunner {
  readonly #io: CliIo
  readonly #loadActions: () => Promise<CliActions>
  exitCode: ExitCode = 0

  constructor(dependencies: { io: CliIo; loadActions: () => Promise<CliActions> }) {
    this.#io = dependencies.io
    this.#loadActions = dependencies.loadActions
  }

  /** Carries out `task` with the options of `command`; the first SIGINT or SIGTERM aborts it, a second one kills. */
  async run(command: Command, task: Task): Promise<void> {
    const stop = new AbortController()
    const abort = () => stop.abort(AGENT_ERRORS.create('AGENT_CLI_INTERRUPTED'))
    const { signals, stdout } = this.#io
    signals.once('SIGINT', abort).once('SIGTERM', abort)
    // A reader that has seen enough, as in `gapmesh record list | head`.
    stdout.on('error', abort)
    try {
      this.exitCode = (await task(createContext(command.opts<CommonOptions>(), this.#io, stop.signal))) ?? 0
    } finally {
      signals.off('SIGINT', abort).off('SIGTERM', abort)
      stdout.off('error', abort)
    }
  }

  /** `task`, given up at the first SIGINT or SIGTERM: whatever it writes is whole or absent, as after a power cut. */
  #unlessInterrupted(task: Task): Task {
    return async (context) => {
      const { signals } = this.#io
      let interrupt = () => {}
      const interrupted = new Promise<never>((_, reject) => {
        interrupt = () => reject(AGENT_ERRORS.create('AGENT_CLI_INTERRUPTED'))
      })
      signals.once('SIGINT', interrupt).once('SIGTERM', interrupt)
      try {
        return await Promise.race([task(context), interrupted])
      } finally {
        signals.off('SIGINT', interrupt).off('SIGTERM', interrupt)
      }
    }
  }

  /** Carries out one of the composition root's actions, loaded now and not before. */
  perform<Name extends keyof CliActions>(
    command: Command,
    name: Name,
    options: Parameters<CliActions[Name]>[0],
  ): Promise<void> {
    const task: Task = async (context) => {
      const action: (options: never, context: CommandContext) => Promise<ExitCode | undefined> = (
        await this.#loadActions()
      )[name]
      return action(options as never, context)
    }
    return this.run(command, STOPS_ITSELF.has(name) ? task : this.#unlessInterrupted(task))
  }
}

/** Adds the options that every command has. */
export function withCommonOptions(command: Command, whose = "the node's"): Command {
  return command
    .option('--home <dir>', `${whose} home (default: GAPMESH_HOME, else ~/.gapmesh)`)
    .option('--json', 'print one JSON document instead of text; errors too, on standard error')
}

/** Help text with example command lines. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`
}
