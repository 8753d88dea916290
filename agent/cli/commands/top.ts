import { type Command, Option } from 'commander'
import { describeValues, flagOf, isList, OPTIONS, type OptionSpec } from '../../config/options.ts'
import type { DemoOptions } from '../actions.ts'
import { collect, parseWhole } from '../parse.ts'
import { type CommandRunner, examples, withCommonOptions } from '../runner.ts'
import { keystoreOptions, withKeystoreOptions } from './keystore-options.ts'

/** Adds `run`, `status`, `doctor` and `demo`. */
export function registerTop(program: Command, runner: CommandRunner): void {
  registerRun(program, runner)
  const status = withCommonOptions(
    program.command('status').description('what the running agent sees and does'),
  ).action(() => runner.run(status, async (context) => (await import('../control-actions.ts')).showStatus(context)))
  const doctor = withKeystoreOptions(
    withCommonOptions(
      program.command('doctor').description('check home, keys, certificate, store and inputs of a stopped agent'),
    ),
  ).action(() => runner.perform(doctor, 'doctor', keystoreOptions(doctor)))
  registerDemo(program, runner)
}

function registerRun(program: Command, runner: CommandRunner): void {
  const run = withCommonOptions(program.command('run').description('run the agent in the foreground'))
    .option('--config <file>', "configuration file (default: config.yaml in the node's home)")
    .addHelpText(
      'after',
      examples(
        'gapmesh run --home /var/lib/gapmesh --eve /var/log/suricata/eve.json',
        'gapmesh run --zeek /opt/zeek/logs/current/notice.log --zeek /opt/zeek/logs/current/weird.log',
        'gapmesh run --mesh-bootstrap /dns4/relay.example/tcp/4701/p2p/12D3KooW...',
      ),
    )
  const flags = OPTIONS.map((spec) => ({ spec, option: flagOption(spec) }))
  for (const { option } of flags) run.addOption(option)
  run.action(() => {
    const given: Record<string, string | boolean | readonly string[] | undefined> = run.opts()
    const values = flags.map(({ spec, option }) => [spec.key, given[option.attributeName()]] as const)
    return runner.perform(run, 'run', {
      ...(typeof given.config === 'string' && { configFile: given.config }),
      flags: Object.fromEntries(values.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))),
    })
  })
}

/** The flag of a configuration option. Its text is checked with the rest of the configuration, by the same code. */
function flagOption(spec: OptionSpec): Option {
  const value = spec.type === 'boolean' ? '[true|false]' : `<${placeholder(spec)}>`
  const option = new Option(`${flagOf(spec.key)} ${value}`, `${spec.description} ${remark(spec)}`)
  option.helpGroup('Configuration (see docs/configuration.md):')
  return isList(spec) ? option.argParser(collect) : option
}

function placeholder(spec: OptionSpec): string {
  switch (spec.type) {
    case 'choice':
      return spec.choices?.join('|') ?? 'word'
    case 'integer':
      return 'number'
    case 'address':
      return 'host:port'
    case 'multiaddr-list':
      return 'multiaddr'
    case 'text':
      return 'text'
    default:
      return 'path'
  }
}

function remark(spec: OptionSpec): string {
  const values = spec.type === 'integer' ? `${describeValues(spec)}; ` : ''
  const none = spec.default === undefined || (Array.isArray(spec.default) && spec.default.length === 0)
  return `(${values}${isList(spec) ? 'repeatable; ' : ''}default: ${none ? 'none' : spec.default})`
}

function registerDemo(program: Command, runner: CommandRunner): void {
  const demo = withCommonOptions(
    program.command('demo').description('a mesh of nodes on this machine: alerts in, signed records everywhere'),
  )
    .option('--nodes <number>', 'how many nodes, 2 to 16', parseWhole(2, 16), 4)
    .option('--eve <file>', 'a Suricata EVE or Zeek log to replay instead of the sample')
    .option('--keep <dir>', 'make the homes in this directory and keep them')
    .addHelpText('after', examples('gapmesh demo', 'gapmesh demo --nodes 5 --eve /var/log/suricata/eve.json'))
    .action(() => {
      const { nodes, eve, keep } = demo.opts<DemoOptions>()
      return runner.perform(demo, 'demo', {
        nodes,
        ...(eve !== undefined && { eve }),
        ...(keep !== undefined && { keep }),
      })
    })
}
