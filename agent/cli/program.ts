import { Command, CommanderError } from 'commander'
import type { CliActions, ExitCode } from './actions.ts'
import { registerBundle } from './commands/bundle.ts'
import { registerCa } from './commands/ca.ts'
import { registerCrl } from './commands/crl.ts'
import { registerDirective } from './commands/directive.ts'
import { registerNode } from './commands/node.ts'
import { registerRecord } from './commands/record.ts'
import { registerTop } from './commands/top.ts'
import type { CliIo } from './io.ts'
import { CommandRunner } from './runner.ts'

export interface CliDependencies {
  readonly version: string
  readonly io: CliIo
  /** Imports the composition root; called only by a command that needs it, so that help is fast. */
  readonly loadActions: () => Promise<CliActions>
}

/** Runs the command line `argv` (without node and script) and answers the exit code. Never throws, never exits. */
export async function runCli(argv: readonly string[], dependencies: CliDependencies): Promise<ExitCode> {
  const { io } = dependencies
  const json = argv.includes('--json')
  const runner = new CommandRunner(dependencies)
  // A closed pipe ends the command quietly; without a listener it would end the process loudly.
  const ignore = () => {}
  io.stdout.on('error', ignore)
  try {
    await createProgram(dependencies, runner).parseAsync(argv, { from: 'user' })
    return runner.exitCode
  } catch (error) {
    if (error instanceof CommanderError) return reportUsage(error, io, json)
    const { reportError } = await import('./fail.ts')
    return reportError(error, io, json)
  } finally {
    io.stdout.off('error', ignore)
  }
}

function createProgram({ version, io }: CliDependencies, runner: CommandRunner): Command {
  const program = new Command('gapmesh')
    .description('Signed security records between nodes that are often not connected.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // Reported once, in one form, by reportUsage.
      outputError: () => {},
    })
  registerTop(program, runner)
  registerRecord(program, runner)
  registerNode(program, runner)
  registerBundle(program, runner)
  registerCa(program, runner)
  registerCrl(program, runner)
  registerDirective(program, runner)
  return program
}

const ASKED_FOR = new Set(['commander.version', 'commander.helpDisplayed'])

async function reportUsage(error: CommanderError, io: CliIo, json: boolean): Promise<ExitCode> {
  if (ASKED_FOR.has(error.code)) return 0
  // A noun without its verb: its help was printed.
  if (error.code === 'commander.help') return 2
  const { printFailure } = await import('./fail.ts')
  const [first = '', suggestion] = error.message.split('\n')
  const hint = suggestion?.replace(/^\((.*)\)$/, '$1') ?? 'Add --help to the command to see what it takes.'
  printFailure({ code: 'AGENT_CLI_USAGE', message: first.replace(/^error: /, ''), hint }, io, json)
  return 2
}
