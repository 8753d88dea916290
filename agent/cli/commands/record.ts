import { type Command, Option } from 'commander'
import { MAX_LISTED_RECORDS } from '../../limits.ts'
import type { FilterOptions, PublishOptions } from '../control-actions.ts'
import { parseHex, parseSeverity, parseTime, parseWhole } from '../parse.ts'
import { type CommandRunner, examples, withCommonOptions } from '../runner.ts'

const EVENT_KINDS = ['ids_alert', 'mitigation', 'threat_intel', 'policy_update']

/** Adds `record list`, `record show`, `record tail` and `record publish`. */
export function registerRecord(program: Command, runner: CommandRunner): void {
  const record = program
    .command('record')
    .description('the signed records of the mesh, as the running agent holds them')
    .helpCommand(false)
  registerList(record, runner)
  registerTail(record, runner)
  const show = withCommonOptions(record.command('show').description('one record in full'))
    .argument('<id>', 'its id, or the first digits of it', parseHex(4))
    .addHelpText('after', examples('gapmesh record show 8f0d2c6b71e44a90'))
    .action((id: string) =>
      runner.run(show, async (context) => (await import('../control-actions.ts')).showRecord(id, context)),
    )
  registerPublish(record, runner)
}

function withFilter(command: Command): Command {
  return withCommonOptions(command)
    .option('--since <time>', 'created at or after this time, or this long ago: 1h, 7d', parseTime)
    .option('--until <time>', 'created at or before this time, or this long ago', parseTime)
    .option('--origin <node>', 'signed by this node')
    .option('--kind <kind>', 'with an anomaly of this kind, such as ids_alert or zeek_notice')
    .option(
      '--min-severity <severity>',
      'at least this severe: info, low, medium, high, critical, or 1 to 5',
      parseSeverity,
    )
}

function registerList(record: Command, runner: CommandRunner): void {
  const list = withFilter(record.command('list').description('records held, newest first'))
    .option('--limit <number>', 'at most so many', parseWhole(1, MAX_LISTED_RECORDS), 50)
    .addHelpText(
      'after',
      examples('gapmesh record list --since 1h --min-severity high', 'gapmesh record list --origin relay-2 --json'),
    )
    .action(() =>
      runner.run(list, async (context) =>
        (await import('../control-actions.ts')).listRecords(list.opts<FilterOptions>(), context),
      ),
    )
}

function registerTail(record: Command, runner: CommandRunner): void {
  const tail = withFilter(record.command('tail').description('records as they arrive, until interrupted'))
    .addHelpText(
      'after',
      examples('gapmesh record tail', 'gapmesh record tail --min-severity high --json | jq .indicator'),
    )
    .action(() =>
      runner.run(tail, async (context) =>
        (await import('../control-actions.ts')).tailRecords(tail.opts<FilterOptions>(), context),
      ),
    )
}

function registerPublish(record: Command, runner: CommandRunner): void {
  const publish = withCommonOptions(record.command('publish').description('sign and send an anomaly of your own'))
    .requiredOption('--indicator <text>', 'what it is about: a rule id such as local:blocked-host')
    .addOption(new Option('--kind <kind>', 'what it is').choices(EVENT_KINDS).makeOptionMandatory())
    .requiredOption('--severity <severity>', 'info, low, medium, high, critical, or 1 to 5', parseSeverity)
    .option('--score <number>', 'risk in per mille, 0 to 1000 (default: by severity)', parseWhole(0, 1000))
    .option('--source <address>', 'IP address; leaves this node only as a keyed hash')
    .option('--destination <address>', 'IP address; leaves this node only as a keyed hash')
    .option('--note <text>', 'kept in the payload on this node')
    .addHelpText(
      'after',
      examples(
        'gapmesh record publish --indicator local:blocked-host --kind mitigation --severity high --source 192.0.2.7',
      ),
    )
    .action(() =>
      runner.run(publish, async (context) =>
        (await import('../control-actions.ts')).publishRecord(publish.opts<PublishOptions>(), context),
      ),
    )
}
