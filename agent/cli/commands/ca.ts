import { type Command, Option } from 'commander'
import { IDENTITY_SUITES } from '../../../enrollment/keys/index.ts'
import { MAX_LISTED_RECORDS, MAX_TOKEN_VALID_MS } from '../../limits.ts'
import type {
  CaAuditListOptions,
  CaAuditVerifyOptions,
  CaExportOptions,
  CaInitOptions,
  CaListOptions,
  CaRestoredOptions,
  CaServeOptions,
  CaTokenOptions,
} from '../actions.ts'
import { collect, parseDurationUpTo, parseLabel, parseWhole } from '../parse.ts'
import { type CommandRunner, examples } from '../runner.ts'
import { registerApproval, registerIssuing, registerOperator, registerPolicy, registerRevoke } from './ca-instruct.ts'
import { remoteOptions, withCaOptions, withRemoteOptions } from './ca-options.ts'
import { registerCrlUnder } from './crl.ts'
import { keystoreOptions } from './keystore-options.ts'

const DEFAULT_VALIDITY_MS = 3_600_000

/** Adds `ca` and its verbs. */
export function registerCa(program: Command, runner: CommandRunner): void {
  const ca = program
    .command('ca')
    .description('the mesh CA: root, tokens, certificates, revocation, policy, its server')
    .helpCommand(false)
  registerInit(ca, runner)
  const status = withCaOptions(ca.command('status').description('root, certificates on file, tokens outstanding'))
  status.action(() => runner.perform(status, 'caStatus', keystoreOptions(status)))
  registerToken(ca, runner)
  registerList(ca, runner)
  registerRevoke(ca, runner)
  registerPolicy(ca, runner)
  registerOperator(ca, runner)
  registerCrlUnder(ca, runner)
  registerServe(ca, runner)
  registerExport(ca, runner)
  registerAudit(ca, runner)
  registerRestored(ca, runner)
  registerIssuing(ca, runner)
  registerApproval(ca, runner)
  registerOpenApi(ca, runner)
}

function registerInit(ca: Command, runner: CommandRunner): void {
  const init = withCaOptions(ca.command('init').description('make the root of a new mesh in --home'))
    .option('--mesh <label>', 'name of the mesh: a DNS label', parseLabel)
    .addOption(
      new Option('--suite <suite>', 'ML-DSA-87, or for narrow links the smaller ML-DSA-65, for every node of the mesh')
        .choices(Object.keys(IDENTITY_SUITES))
        .default('level5'),
    )
    .option('--issuing', 'make an issuing CA instead: its keys, and the request that the root signs')
    .option('--out <file>', 'with --issuing: where the request goes')
    .addHelpText(
      'after',
      examples(
        'gapmesh ca init --mesh north-grid --home ./ca',
        'gapmesh ca init --issuing --home ./issuing --out issuing.request',
      ),
    )
    .action(() => {
      type Given = Partial<CaInitOptions> & { suite: CaInitOptions['suite']; issuing?: boolean; out?: string }
      const { mesh, suite, issuing = false, out } = init.opts<Given>()
      if (issuing) {
        if (out === undefined || mesh !== undefined) init.error('error: --issuing takes --out FILE, and no --mesh')
        else return runner.perform(init, 'caIssuingRequest', { suite, out, ...keystoreOptions(init) })
      }
      if (mesh === undefined || out !== undefined) init.error("error: required option '--mesh <label>' not specified")
      else return runner.perform(init, 'caInit', { mesh, suite, ...keystoreOptions(init) })
      return undefined
    })
}

function registerToken(ca: Command, runner: CommandRunner): void {
  const token = withRemoteOptions(withCaOptions(ca.command('token').description('make a token that enrols a node')))
    .option('--node-id <label>', 'the only node_id it enrols (default: any)', parseLabel)
    .addOption(
      new Option('--valid-for <duration>', 'how long it is valid, at most 30d: 15m, 24h')
        .argParser(parseDurationUpTo(MAX_TOKEN_VALID_MS))
        .default(DEFAULT_VALIDITY_MS, '1h'),
    )
    .option('--uses <number>', 'how many nodes it enrols, 1 to 1000 (default: one)', parseWhole(1, 1000))
    .addOption(
      new Option('--roles <role...>', 'roles in the certificate (default: node)').choices(['node', 'validator']),
    )
    .option('--label <word>', 'kept with the node and shown in lists (repeatable)', collect)
    .addOption(
      new Option('--attestation <need>', 'whether the node must prove its device').choices(['none', 'required']),
    )
    .addHelpText(
      'after',
      examples(
        'gapmesh ca token --home ./ca --node-id sensor-1 --valid-for 15m',
        'gapmesh ca token --url https://ca.example:8443 --operator ./alice --uses 20 --label harbour',
      ),
    )
    .action(() => {
      const { validFor, label, nodeId, uses, roles, attestation } = token.opts<
        Omit<CaTokenOptions, 'validForMs'> & { validFor: number; label?: readonly string[] }
      >()
      return runner.perform(token, 'caToken', {
        validForMs: validFor,
        ...(nodeId !== undefined && { nodeId }),
        ...(uses !== undefined && { uses }),
        ...(roles !== undefined && { roles }),
        ...(label !== undefined && { labels: label }),
        ...(attestation !== undefined && { attestation }),
        ...remoteOptions(token),
      })
    })
}

function registerList(ca: Command, runner: CommandRunner): void {
  const list = withCaOptions(ca.command('list').description('certificates on file'))
    .addOption(new Option('--kind <kind>', 'only these').choices(['node', 'operator', 'issuing']))
    .addOption(new Option('--state <state>', 'only these').choices(['live', 'expired', 'revoked']))
    .addHelpText('after', examples('gapmesh ca list --home ./ca --kind node --state live'))
    .action(() => {
      const { kind, state } = list.opts<CaListOptions>()
      return runner.perform(list, 'caList', {
        ...(kind !== undefined && { kind }),
        ...(state !== undefined && { state }),
        ...keystoreOptions(list),
      })
    })
}

function registerServe(ca: Command, runner: CommandRunner): void {
  const serve = withCaOptions(ca.command('serve').description('answer requests over HTTPS, in the foreground'))
    .option('--listen <host:port>', 'where to listen', '127.0.0.1:8443')
    .option('--public-url <url>', 'URL that nodes are told (default: made from --listen)')
    .addHelpText('after', examples('gapmesh ca serve --home ./ca --listen 0.0.0.0:8443'))
    .action(() => {
      const { listen, publicUrl } = serve.opts<CaServeOptions>()
      const url = publicUrl === undefined ? {} : { publicUrl }
      return runner.perform(serve, 'caServe', { listen, ...url, ...keystoreOptions(serve) })
    })
}

function registerExport(ca: Command, runner: CommandRunner): void {
  const command = withCaOptions(ca.command('export').description('write the root certificate to a file'))
    .requiredOption('--out <file>', 'where it goes')
    .addOption(new Option('--format <format>', 'how it is written').choices(['pem', 'der']).default('pem'))
    .addHelpText('after', examples('gapmesh ca export --home ./ca --out root.pem'))
    .action(() => {
      const { out, format } = command.opts<CaExportOptions & { format: 'pem' | 'der' }>()
      return runner.perform(command, 'caExport', { out, format, ...keystoreOptions(command) })
    })
}

function registerAudit(ca: Command, runner: CommandRunner): void {
  const audit = ca.command('audit').description('what the CA decided, in a chain that cannot be rewritten unnoticed')
  audit.helpCommand(false)
  const list = withCaOptions(audit.command('list').description('the newest decisions'))
    .option('--limit <number>', 'how many', parseWhole(1, MAX_LISTED_RECORDS), 50)
    .action(() => {
      const { limit } = list.opts<CaAuditListOptions>()
      return runner.perform(list, 'caAuditList', { limit, ...keystoreOptions(list) })
    })
  const verify = withCaOptions(audit.command('verify').description('check the chain from its first entry on'))
    .option('--file <file>', 'an exported audit instead of the one in --home')
    .addHelpText('after', examples('gapmesh ca audit verify --home ./ca', 'gapmesh ca audit verify --file audit.txt'))
    .action(() => {
      const { file } = verify.opts<CaAuditVerifyOptions>()
      const given = file === undefined ? {} : { file }
      return runner.perform(verify, 'caAuditVerify', { ...given, ...keystoreOptions(verify) })
    })
  const command = withCaOptions(audit.command('export').description('write every entry to a file, one line each'))
    .requiredOption('--out <file>', 'where they go')
    .addHelpText('after', examples('gapmesh ca audit export --home ./ca --out audit.txt'))
    .action(() => {
      const { out } = command.opts<CaExportOptions>()
      return runner.perform(command, 'caAuditExport', { out, ...keystoreOptions(command) })
    })
}

function registerRestored(ca: Command, runner: CommandRunner): void {
  const restored = withCaOptions(
    ca.command('restored').description('say that --home comes from a backup: list numbers jump, tokens become void'),
  )
    .option('--list <file>', 'a revocation list that a node still has (repeatable)', collect)
    .addHelpText('after', examples('gapmesh ca restored --home ./ca --list from-sensor-1.crl'))
    .action(() => {
      const { list = [] } = restored.opts<{ list?: CaRestoredOptions['lists'] }>()
      return runner.perform(restored, 'caRestored', { lists: list, ...keystoreOptions(restored) })
    })
}

function registerOpenApi(ca: Command, runner: CommandRunner): void {
  const command = ca.command('openapi').description('print the OpenAPI document of the CA: needs no CA')
  command.option('--json', 'on one line').action(() =>
    runner.run(command, async (context) => {
      const { openApi } = await import('../../../enrollment/api/index.ts')
      const document = openApi()
      context.result(document, JSON.stringify(document, null, 2))
      return 0
    }),
  )
}
