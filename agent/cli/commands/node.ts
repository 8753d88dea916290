import type { Command } from 'commander'
import type { NodeEnrollOptions } from '../actions.ts'
import { collect, parseLabel, parseTime, type TimeArgument } from '../parse.ts'
import { type CommandRunner, examples, withCommonOptions } from '../runner.ts'
import { keystoreOptions, withKeystoreOptions } from './keystore-options.ts'

/** Adds `node list` and `node enroll`. */
export function registerNode(program: Command, runner: CommandRunner): void {
  const node = program
    .command('node')
    .description('the nodes of the mesh, and the enrolment of this one')
    .helpCommand(false)
  const list = withCommonOptions(node.command('list').description('nodes known to the running agent')).action(() =>
    runner.run(list, async (context) => (await import('../control-actions.ts')).listNodes(context)),
  )
  registerEnroll(node, runner)
  const rotate = withCommonOptions(
    node.command('rotate').description('change the certificate of the running agent now'),
  ).action(() => runner.run(rotate, async (context) => (await import('../control-actions.ts')).rotateNode(context)))
  registerTime(node, runner)
}

function registerTime(node: Command, runner: CommandRunner): void {
  const time = node.command('time').description('what the running agent takes for the time').helpCommand(false)
  const confirm = withCommonOptions(
    time.command('confirm').description('vouch for the time: what was believed before no longer counts'),
  )
    .argument('[time]', 'such as 2026-01-01T12:00:00Z (default: what the clock of this machine shows)', parseTime)
    .addHelpText('after', examples('gapmesh node time confirm', 'gapmesh node time confirm 2026-01-01T12:00:00Z'))
    .action((at?: TimeArgument) =>
      runner.run(confirm, async (context) => (await import('../control-actions.ts')).confirmTime(at, context)),
    )
}

function registerEnroll(node: Command, runner: CommandRunner): void {
  const enroll = node.command('enroll').description('make keys and get a certificate from the mesh CA')
  withKeystoreOptions(withCommonOptions(enroll))
    .requiredOption('--ca <url>', 'where the CA answers, such as https://ca.example:8443')
    .requiredOption('--node-id <label>', 'name of this node in the mesh: a DNS label', parseLabel)
    .option('--token-file <file>', 'file that holds the enrolment token (else GAPMESH_TOKEN, else the terminal asks)')
    .option('--address <multiaddr>', 'where other nodes can dial this one (repeatable)', collect)
    .addHelpText(
      'after',
      examples('gapmesh node enroll --ca https://ca.example:8443 --node-id sensor-1 --token-file token.txt'),
    )
    .action(() => {
      const { ca, nodeId, tokenFile, address } = enroll.opts<NodeEnrollOptions & { address?: readonly string[] }>()
      return runner.perform(enroll, 'nodeEnroll', {
        ca,
        nodeId,
        addresses: address ?? [],
        ...(tokenFile !== undefined && { tokenFile }),
        ...keystoreOptions(enroll),
      })
    })
}
