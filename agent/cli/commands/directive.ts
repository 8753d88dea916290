import { type Command, Option } from 'commander'
import { REVOKE_REASONS } from '../../../enrollment/crl/index.ts'
import type { DirectiveRevokeOptions, DirectiveRotateOptions } from '../actions.ts'
import { parseDurationUpTo, parseLabel } from '../parse.ts'
import { type CommandRunner, examples, withCommonOptions } from '../runner.ts'
import { keystoreOptions, withKeystoreOptions } from './keystore-options.ts'

const MAX_WITHIN_MS = 30 * 86_400_000

/** Adds `directive` and its verbs: what operators tell every node through one that runs. */
export function registerDirective(program: Command, runner: CommandRunner): void {
  const directive = program
    .command('directive')
    .description('orders of an operator to all nodes, given to the running agent in --home')
    .helpCommand(false)
  registerRevoke(directive, runner)
  registerRotate(directive, runner)
}

function withOperator(command: Command): Command {
  return withKeystoreOptions(withCommonOptions(command)).requiredOption(
    '--operator <dir>',
    "the operator's directory, from `gapmesh ca operator add`; the key file or passphrase is that of its keystore",
  )
}

function registerRevoke(directive: Command, runner: CommandRunner): void {
  const revoke = withOperator(
    directive.command('revoke').description('shut a node out at once, until the next revocation list says what holds'),
  )
    .requiredOption('--node-id <label>', 'the node', parseLabel)
    .addOption(new Option('--reason <reason>', 'why').choices(REVOKE_REASONS).default('privilegeWithdrawn'))
    .addHelpText(
      'after',
      examples('gapmesh directive revoke --node-id sensor-1 --reason keyCompromise --operator ./op-1'),
    )
    .action(() => {
      const { nodeId, reason, operator } = revoke.opts<DirectiveRevokeOptions>()
      return runner.perform(revoke, 'directiveRevoke', { nodeId, reason, operator, ...keystoreOptions(revoke) })
    })
}

function registerRotate(directive: Command, runner: CommandRunner): void {
  const rotate = withOperator(directive.command('rotate').description('have certificates changed before their time'))
    .option('--node-id <label>', 'one node (default: all)', parseLabel)
    .addOption(
      new Option('--within <duration>', 'by when every node has begun to: 15m, 24h')
        .argParser(parseDurationUpTo(MAX_WITHIN_MS))
        .default(3_600_000, '1h'),
    )
    .addHelpText('after', examples('gapmesh directive rotate --within 15m --operator ./op-1'))
    .action(() => {
      const { nodeId, operator, within } = rotate.opts<DirectiveRotateOptions & { within: number }>()
      const given = { operator, withinMs: within, ...(nodeId !== undefined && { nodeId }) }
      return runner.perform(rotate, 'directiveRotate', { ...given, ...keystoreOptions(rotate) })
    })
}
