import { type Command, Option } from 'commander'
import { MAX_TOKEN_VALID_MS } from '../../limits.ts'
import type { CaInitOptions, CaServeOptions, CaTokenOptions } from '../actions.ts'
import { parseDurationUpTo, parseLabel } from '../parse.ts'
import { type CommandRunner, examples, withCommonOptions } from '../runner.ts'
import { keystoreOptions, withKeystoreOptions } from './keystore-options.ts'

const DEFAULT_VALIDITY_MS = 3_600_000

/** Adds `ca init`, `ca status`, `ca token` and `ca serve`. */
export function registerCa(program: Command, runner: CommandRunner): void {
  const ca = program
    .command('ca')
    .description('the mesh CA: root, enrolment tokens, enrolment server')
    .helpCommand(false)
  registerInit(ca, runner)
  const status = withCaOptions(ca.command('status').description('root, certificates issued, tokens outstanding'))
  status.action(() => runner.perform(status, 'caStatus', keystoreOptions(status)))
  registerToken(ca, runner)
  registerServe(ca, runner)
}

function withCaOptions(command: Command): Command {
  return withKeystoreOptions(withCommonOptions(command))
}

function registerInit(ca: Command, runner: CommandRunner): void {
  const init = withCaOptions(ca.command('init').description('make the root of a new mesh in --home'))
    .requiredOption('--mesh <label>', 'name of the mesh: a DNS label', parseLabel)
    .addHelpText('after', examples('gapmesh ca init --mesh north-grid --home ./ca'))
    .action(() => {
      const { mesh } = init.opts<CaInitOptions>()
      return runner.perform(init, 'caInit', { mesh, ...keystoreOptions(init) })
    })
}

function registerToken(ca: Command, runner: CommandRunner): void {
  const token = withCaOptions(ca.command('token').description('make a token that enrols one node, once'))
    .option('--node-id <label>', 'the only node_id it enrols (default: any)', parseLabel)
    .addOption(
      new Option('--valid-for <duration>', 'how long it is valid, at most 30d: 15m, 24h')
        .argParser(parseDurationUpTo(MAX_TOKEN_VALID_MS))
        .default(DEFAULT_VALIDITY_MS, '1h'),
    )
    .addHelpText('after', examples('gapmesh ca token --home ./ca --node-id sensor-1 --valid-for 15m'))
    .action(() => {
      const { nodeId, validFor } = token.opts<Pick<CaTokenOptions, 'nodeId'> & { validFor: number }>()
      return runner.perform(token, 'caToken', {
        validForMs: validFor,
        ...(nodeId !== undefined && { nodeId }),
        ...keystoreOptions(token),
      })
    })
}

function registerServe(ca: Command, runner: CommandRunner): void {
  const serve = withCaOptions(ca.command('serve').description('answer enrolment requests, in the foreground'))
    .option('--listen <host:port>', 'where to listen', '127.0.0.1:8443')
    .addHelpText('after', examples('gapmesh ca serve --home ./ca --listen 0.0.0.0:8443'))
    .action(() => {
      const { listen } = serve.opts<CaServeOptions>()
      return runner.perform(serve, 'caServe', { listen, ...keystoreOptions(serve) })
    })
}
