import { type Command, Option } from 'commander'
import type { BundleEncodeOptions } from '../actions.ts'
import { collect, parseWhole } from '../parse.ts'
import { type CommandRunner, examples, withCommonOptions } from '../runner.ts'
import { registerBundleQueue } from './bundle-queue.ts'

/** Adds `bundle decode`, `bundle encode` and `bundle verify`, which need no home, and what asks the running agent. */
export function registerBundle(program: Command, runner: CommandRunner): void {
  const bundle = program
    .command('bundle')
    .description('bundles (RFC 9171): those that wait on the running agent, and tools to read and make them')
    .helpCommand(false)
  registerReading(bundle, runner, { name: 'decode', action: 'bundleDecode', text: 'every field of a bundle' })
  registerReading(bundle, runner, {
    name: 'verify',
    action: 'bundleVerify',
    text: 'which checks a bundle passes: every CRC, every rule of both policies',
  })
  registerEncode(bundle, runner)
  registerBundleQueue(bundle, runner)
}

function withPolicy(command: Command): Command {
  const policy = new Option('--policy <policy>', 'strict: what RFC 9171 allows; relaxed: what can be read')
  return withCommonOptions(command).addOption(policy.choices(['strict', 'relaxed']).default('strict'))
}

function registerReading(
  bundle: Command,
  runner: CommandRunner,
  { name, action, text }: { name: string; action: 'bundleDecode' | 'bundleVerify'; text: string },
): void {
  const command = withPolicy(bundle.command(name).description(text))
    .argument('<bundle>', 'a file with its bytes or their hexadecimal digits, the digits themselves, or - for a pipe')
    .addHelpText('after', examples(`gapmesh bundle ${name} received.bundle`, `gapmesh bundle ${name} - < stored.hex`))
    .action((input: string) =>
      runner.perform(command, action, { input, policy: command.opts<{ policy: 'strict' | 'relaxed' }>().policy }),
    )
}

function registerEncode(bundle: Command, runner: CommandRunner): void {
  const whole = parseWhole(0, 999_999_999_999_999)
  const encode = withPolicy(bundle.command('encode').description('a bundle from JSON or from options'))
    .argument('[json]', 'a document as bundle decode --json prints it: a file, or - for a pipe')
    .option('--source <endpoint>', 'such as dtn://node-1.north-grid/ or ipn:7.1')
    .option('--destination <endpoint>', 'where it goes')
    .option('--report-to <endpoint>', 'where reports go (default: nowhere)')
    .option('--lifetime-ms <ms>', 'how long it lives, in milliseconds', whole)
    .option('--payload <file>', 'what it carries: a file, or - for a pipe')
    .option('--created-ms <ms>', 'milliseconds since 1970; 0: the source has no clock (default: now)', whole)
    .option('--sequence <number>', 'tells bundles of the same millisecond apart (default: 0)', whole)
    .option('--hop-limit <hops>', 'how many nodes may forward it, at most 255', parseWhole(1, 255))
    .option('--flag <name>', 'a bundle flag such as mustNotFragment; may be repeated', collect)
    .option('--out <file>', 'where it goes (default: standard output)')
    .option('--hex', 'hexadecimal digits instead of bytes')
    .addHelpText(
      'after',
      examples(
        'gapmesh bundle encode --source ipn:1.1 --destination ipn:2.1 --lifetime-ms 60000 --payload note.txt --out a.bundle',
        'gapmesh bundle decode a.bundle --json | gapmesh bundle encode - --hex',
      ),
    )
    .action((input: string | undefined) => {
      const { flag, ...options } = encode.opts<BundleEncodeOptions & { flag?: readonly string[] }>()
      const given = { ...options, ...(input !== undefined && { input }), ...(flag !== undefined && { flags: flag }) }
      return runner.perform(encode, 'bundleEncode', given)
    })
}
