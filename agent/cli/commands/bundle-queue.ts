import { type Command, InvalidArgumentError, Option } from 'commander'
import { MAX_LISTED_BUNDLES } from '../../limits.ts'
import type { SendOptions } from '../bundle-actions.ts'
import { parseDuration, parseHex, parseWhole } from '../parse.ts'
import { type CommandRunner, examples, withCommonOptions } from '../runner.ts'

const DAY_MS = 86_400_000

const PRIORITY_NAMES = ['bulk', 'normal', 'urgent', 'control']

/** Adds `bundle send`, `list`, `show`, `explain`, `cancel` and `receive`, which ask the running agent. */
export function registerBundleQueue(bundle: Command, runner: CommandRunner): void {
  registerSend(bundle, runner)
  registerReceive(bundle, runner)
  const list = withCommonOptions(bundle.command('list').description('bundles that wait, most urgent first'))
    .option('--limit <number>', 'at most so many', parseWhole(1, MAX_LISTED_BUNDLES), 100)
    .action(() =>
      runner.run(list, async (context) =>
        (await import('../bundle-actions.ts')).listBundles(list.opts<{ limit: number }>(), context),
      ),
    )
  registerById(bundle, runner, {
    name: 'explain',
    description: 'why a bundle is still here, what would move it, who has seen it, and when it dies',
    action: async (id, context) => (await import('../bundle-actions.ts')).explainBundle(id, context),
  })
  registerById(bundle, runner, {
    name: 'show',
    description: 'one bundle, as explain shows it',
    action: async (id, context) => (await import('../bundle-actions.ts')).explainBundle(id, context),
  })
  registerById(bundle, runner, {
    name: 'cancel',
    description: 'take a bundle out of the queue of this node',
    action: async (id, context) => (await import('../bundle-actions.ts')).cancelBundle(id, context),
  })
}

function registerById(
  bundle: Command,
  runner: CommandRunner,
  {
    name,
    description,
    action,
  }: {
    readonly name: string
    readonly description: string
    readonly action: (
      id: string,
      context: Parameters<Parameters<CommandRunner['run']>[1]>[0],
    ) => Promise<0 | 1 | 2 | 3 | undefined>
  },
): void {
  const command = withCommonOptions(bundle.command(name).description(description))
    .argument('<id>', 'its id, or the first digits of it', parseHex(4))
    .addHelpText('after', examples(`gapmesh bundle ${name} 8f0d2c6b71e44a90`))
    .action((id: string) => runner.run(command, (context) => action(id, context)))
}

function registerSend(bundle: Command, runner: CommandRunner): void {
  const send = withCommonOptions(bundle.command('send').description('queue a file for a node, however it is reached'))
    .argument('<file>', 'what to send: at most 1 MiB')
    .requiredOption('--to <node>', 'a node_id of this mesh, or an endpoint such as dtn://NODE.MESH/SERVICE or ipn:N.S')
    .option('--service <name>', 'what takes it there', parseService, 'inbox')
    .option('--valid-for <duration>', 'how long it may be on its way, such as 12h or 7d', parseDuration, 7 * DAY_MS)
    .addOption(new Option('--priority <priority>', 'how urgent it is').choices(PRIORITY_NAMES).default('normal'))
    .addHelpText(
      'after',
      examples('gapmesh bundle send report.json --to relay-2', 'gapmesh bundle send x.bin --to ipn:9.1 --valid-for 2h'),
    )
    .action((file: string) => {
      const { to, service, validFor, priority } = send.opts<
        Pick<SendOptions, 'to' | 'service' | 'priority'> & { validFor: number }
      >()
      const options = { to, service, lifetimeMs: validFor, ...(priority !== undefined && { priority }) }
      return runner.run(send, async (context) =>
        (await import('../bundle-actions.ts')).sendBundle(file, options, context),
      )
    })
}

function registerReceive(bundle: Command, runner: CommandRunner): void {
  const receive = withCommonOptions(bundle.command('receive').description('write what came for this node into files'))
    .option('--service <name>', 'what it came for', parseService, 'inbox')
    .option('--to <dir>', 'where the files are made, named by bundle', '.')
    .option('--limit <number>', 'at most so many', parseWhole(1, MAX_LISTED_BUNDLES), 100)
    .addHelpText('after', examples('gapmesh bundle receive --to ./inbox'))
    .action(() =>
      runner.run(receive, async (context) =>
        (await import('../bundle-actions.ts')).receiveBundles(
          receive.opts<{ service: string; to: string; limit: number }>(),
          context,
        ),
      ),
    )
}

function parseService(text: string): string {
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(text)) {
    throw new InvalidArgumentError('Use a-z, 0-9, dots, dashes and underscores, at most 64.')
  }
  return text
}
