import { type Command, Option } from 'commander'
import type { CrlExportOptions } from '../actions.ts'
import { parseHex } from '../parse.ts'
import { type CommandRunner, examples, withCommonOptions } from '../runner.ts'
import { keystoreOptions, withKeystoreOptions } from './keystore-options.ts'

/** Adds `crl` and its verbs: the same for the home of a node and of a CA. */
export function registerCrl(program: Command, runner: CommandRunner): void {
  const crl = program.command('crl').description('revocation lists, of a node or a CA').helpCommand(false)
  registerStatus(crl, runner, 'status')
  registerImport(crl, runner)
  registerExport(crl, runner)
  registerShow(crl, runner)
}

/** Adds `ca crl show` and `ca crl import`. */
export function registerCrlUnder(ca: Command, runner: CommandRunner): void {
  const crl = ca
    .command('crl')
    .description('revocation lists of the CA, and those it publishes along')
    .helpCommand(false)
  registerStatus(crl, runner, 'show')
  registerImport(crl, runner)
}

function registerStatus(crl: Command, runner: CommandRunner, name: string): void {
  const status = withKeystoreOptions(
    withCommonOptions(crl.command(name).description('which lists this home has, and how old they are')),
  ).action(() => runner.perform(status, 'crlStatus', keystoreOptions(status)))
}

function registerImport(crl: Command, runner: CommandRunner): void {
  const command = withKeystoreOptions(
    withCommonOptions(crl.command('import').description('take a list from a file'), "the node's or the CA's"),
  )
    .argument('<file>', 'DER or PEM')
    .addHelpText('after', examples('gapmesh crl import north-grid.crl --home /var/lib/gapmesh'))
    .action((file: string) => runner.perform(command, 'crlImport', { file, ...keystoreOptions(command) }))
}

function registerExport(crl: Command, runner: CommandRunner): void {
  const command = withKeystoreOptions(
    withCommonOptions(crl.command('export').description('write a list to a file'), "the node's or the CA's"),
  )
    .requiredOption('--out <file>', 'where it goes')
    .addOption(new Option('--format <format>', 'how it is written').choices(['der', 'pem']).default('der'))
    .option('--delta', 'the delta instead of the full list')
    .option('--authority <key id>', 'of which CA, 64 hexadecimal digits (default: the one in use)', parseHex(64))
    .addHelpText(
      'after',
      examples(
        'gapmesh crl export --home ./ca --out north-grid.crl',
        'openssl crl -inform DER -in north-grid.crl -noout -text',
      ),
    )
    .action(() => {
      const { out, format, delta, authority } = command.opts<CrlExportOptions & { delta?: boolean }>()
      return runner.perform(command, 'crlExport', {
        out,
        format,
        kind: delta === true ? 'delta' : 'full',
        ...(authority !== undefined && { authority }),
        ...keystoreOptions(command),
      })
    })
}

function registerShow(crl: Command, runner: CommandRunner): void {
  const show = withCommonOptions(crl.command('show').description('what a file says; verifies nothing'))
    .argument('<file>', 'DER or PEM')
    .addHelpText('after', examples('gapmesh crl show north-grid.crl'))
    .action((file: string) => runner.perform(show, 'crlShow', { file }))
}
