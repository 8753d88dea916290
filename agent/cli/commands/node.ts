import type { Command } from 'commander'
import type { NodeEnrollOptions } from '../actions.ts'
import { collect, parseLabel } from '../parse.ts'
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
