import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../../../core/index.ts'
import { REVOKE_REASONS } from '../../../enrollment/crl/index.ts'
import type { CaInstallOptions, CaOperatorAddOptions, CaRevokeOptions, CaSignOptions } from '../actions.ts'
import {
  parseDurationUpTo,
  parseHex,
  parseLabel,
  parseTime,
  parseWhole,
  resolveTime,
  type TimeArgument,
} from '../parse.ts'
import { type CommandRunner, examples } from '../runner.ts'
import { remoteOptions, withCaOptions, withRemoteOptions } from './ca-options.ts'
import { keystoreOptions } from './keystore-options.ts'

const YEAR_MS = 366 * 86_400_000

/** Adds `ca revoke`. */
export function registerRevoke(ca: Command, runner: CommandRunner): void {
  const revoke = withRemoteOptions(withCaOptions(ca.command('revoke').description('revoke certificates')))
    .option('--serial <hex>', 'the certificate with this serial number', parseSerial)
    .option('--node-id <label>', 'every certificate of this node', parseLabel)
    .option('--operator-name <label>', 'every certificate of this operator', parseLabel)
    .addOption(new Option('--reason <reason>', 'why (default: privilegeWithdrawn)').choices(REVOKE_REASONS))
    .option('--since <time>', 'since when they have been invalid: a time, or a duration before now', parseTime)
    .addHelpText(
      'after',
      examples(
        'gapmesh ca revoke --home ./ca --node-id sensor-1 --reason keyCompromise --since 3d',
        'gapmesh ca revoke --url https://ca.example:8443 --operator ./alice --serial 4f02...',
      ),
    )
    .action(() => {
      const { serial, nodeId, operatorName, reason, since } = revoke.opts<
        Pick<CaRevokeOptions, 'nodeId' | 'operatorName' | 'reason'> & { serial?: string; since?: TimeArgument }
      >()
      const targets = [serial, nodeId, operatorName].filter((target) => target !== undefined)
      if (targets.length !== 1) revoke.error('error: give one of --serial, --node-id and --operator-name')
      const options = {
        ...(serial !== undefined && { serialNumber: serial }),
        ...(nodeId !== undefined && { nodeId }),
        ...(operatorName !== undefined && { operatorName }),
        ...(reason !== undefined && { reason }),
        ...remoteOptions(revoke),
      }
      return runner.perform(revoke, 'caRevoke', {
        ...options,
        ...(since !== undefined && { invalidityMs: resolveTime(since, systemClock().now()) }),
      })
    })
}

function parseSerial(text: string): string {
  const hex = text.toLowerCase().replaceAll(':', '')
  if (!/^(?:[0-9a-f]{2}){1,20}$/.test(hex)) throw new InvalidArgumentError('Use 2 to 40 hexadecimal digits.')
  return hex
}

/** Adds `ca policy show` and `ca policy set`. */
export function registerPolicy(ca: Command, runner: CommandRunner): void {
  const policy = ca.command('policy').description('who may be in the mesh, and for how long').helpCommand(false)
  const show = withRemoteOptions(withCaOptions(policy.command('show').description('the policy as it is')))
  show.action(() => runner.perform(show, 'caPolicyShow', remoteOptions(show)))
  const set = withRemoteOptions(withCaOptions(policy.command('set').description('change the policy')))
    .option('--file <file>', 'a whole policy in JSON, as `policy show --json` prints it')
    .option('--allow <names>', 'the only nodes that may be members, comma-separated, or any', parseNames)
    .option('--max-nodes <number>', 'most nodes, or any', parseMost)
    .option('--name-pattern <pattern>', 'what a node_id looks like, with * and ?, or any', parsePattern)
    .addOption(new Option('--attestation <need>', 'whether nodes prove their device').choices(['none', 'required']))
    .addOption(new Option('--revoke-on-removal <yes>', 'revoke nodes that leave --allow').choices(['yes', 'no']))
    .option('--lifetime <duration>', "lifetime of nodes' certificates, such as 7d", parseDurationUpTo(YEAR_MS))
    .option('--grace <duration>', 'how long after expiry they can be renewed', parseDurationUpTo(YEAR_MS))
    .option('--grace-count <number>', 'how often, for one node', parseWhole(0, 1000))
    .addHelpText(
      'after',
      examples(
        'gapmesh ca policy set --home ./ca --max-nodes 40 --name-pattern "sensor-*"',
        'gapmesh ca policy set --url https://ca.example:8443 --operator ./alice --file policy.json',
      ),
    )
    .action(() => {
      const changes = changesOf(set.opts<PolicyFlags>())
      const { file } = set.opts<PolicyFlags>()
      if (file === undefined && Object.keys(changes).length === 0) set.error('error: say what to change, or --file')
      const given = file === undefined ? {} : { file }
      return runner.perform(set, 'caPolicySet', { ...given, changes, ...remoteOptions(set) })
    })
}

interface PolicyFlags {
  readonly file?: string
  readonly allow?: readonly string[] | Any
  readonly maxNodes?: number | Any
  readonly namePattern?: string
  readonly attestation?: string
  readonly revokeOnRemoval?: 'yes' | 'no'
  readonly lifetime?: number
  readonly grace?: number
  readonly graceCount?: number
}

function changesOf(flags: PolicyFlags) {
  const { allow, maxNodes, namePattern, attestation, revokeOnRemoval, lifetime, grace, graceCount } = flags
  return {
    ...(allow !== undefined && { allow: allow === 'any' ? null : allow }),
    ...(maxNodes !== undefined && { maxNodes: maxNodes === 'any' ? null : maxNodes }),
    ...(namePattern !== undefined && { namePattern: namePattern === 'any' ? null : namePattern }),
    ...(attestation !== undefined && { attestation }),
    ...(revokeOnRemoval !== undefined && { revokeOnRemoval: revokeOnRemoval === 'yes' }),
    ...(lifetime !== undefined && { leafLifetimeMs: lifetime }),
    ...(grace !== undefined && { graceMs: grace }),
    ...(graceCount !== undefined && { graceCount }),
  }
}

/** Commander takes no null from a parser. */
type Any = 'any'

function parseNames(text: string): readonly string[] | Any {
  return text === 'any' ? text : text.split(',').map(parseLabel)
}

function parseMost(text: string): number | Any {
  return text === 'any' ? text : parseWhole(0, 1_000_000_000)(text)
}

function parsePattern(text: string): string {
  if (!/^[a-z0-9*?-]{1,63}$/.test(text)) throw new InvalidArgumentError('Use a to z, 0 to 9, -, * and ?.')
  return text
}

/** Adds `ca operator add`, `ca operator list` and `ca operator renew`. */
export function registerOperator(ca: Command, runner: CommandRunner): void {
  const operator = ca.command('operator').description('who may instruct the CA over HTTPS').helpCommand(false)
  const add = withCaOptions(operator.command('add').description('make keys and a certificate in a directory'))
    .requiredOption('--name <label>', 'name of the operator: a DNS label', parseLabel)
    .requiredOption('--to <dir>', 'directory that is made for it')
    .option('--to-passphrase-file <file>', 'passphrase of its keystore (else as that of the CA)')
    .option('--to-key-file <file>', 'random key that opens its keystore instead of a passphrase')
    .option('--valid-for <duration>', 'lifetime of the certificate (default: 90d)', parseDurationUpTo(YEAR_MS))
    .addHelpText('after', examples('gapmesh ca operator add --home ./ca --name alice --to ./alice'))
    .action(() => {
      type Given = Omit<CaOperatorAddOptions, 'validForMs'> & { validFor?: number }
      const { name, to, toPassphraseFile, toKeyFile, validFor } = add.opts<Given>()
      return runner.perform(add, 'caOperatorAdd', {
        name,
        to,
        ...(toPassphraseFile !== undefined && { toPassphraseFile }),
        ...(toKeyFile !== undefined && { toKeyFile }),
        ...(validFor !== undefined && { validForMs: validFor }),
        ...keystoreOptions(add),
      })
    })
  const list = withCaOptions(operator.command('list').description('operators with a certificate'))
  list.action(() => runner.perform(list, 'caList', { kind: 'operator', ...keystoreOptions(list) }))
  const renew = withRemoteOptions(withCaOptions(operator.command('renew').description('get the next certificate')))
    .addHelpText('after', examples('gapmesh ca operator renew --url https://ca.example:8443 --operator ./alice'))
    .action(() => runner.perform(renew, 'caOperatorRenew', remoteOptions(renew)))
}

/** Adds `ca approve` and `ca rekey`. */
export function registerApproval(ca: Command, runner: CommandRunner): void {
  const approve = withRemoteOptions(
    withCaOptions(ca.command('approve').description("an operator's word for a new root; counts for a week")),
  )
    .addHelpText('after', examples('gapmesh ca approve --url https://ca.example:8443 --operator ./alice'))
    .action(() => runner.perform(approve, 'caApprove', remoteOptions(approve)))
  const rekey = withCaOptions(
    ca.command('rekey').description('make a new root key that the old one vouches for; two operators must approve'),
  )
    .addHelpText('after', examples('gapmesh ca rekey --home ./ca'))
    .action(() => runner.perform(rekey, 'caRekey', keystoreOptions(rekey)))
}

/** Adds `ca issuing request`, `ca issuing sign` and `ca issuing install`. */
export function registerIssuing(ca: Command, runner: CommandRunner): void {
  const issuing = ca.command('issuing').description('a CA under a root that stays offline').helpCommand(false)
  const request = withCaOptions(issuing.command('request').description('make its keys and its request in --home'))
    .requiredOption('--out <file>', 'where the request goes')
    .addOption(new Option('--suite <suite>', 'that of the mesh').choices(['level5', 'level3']).default('level5'))
    .addHelpText('after', examples('gapmesh ca issuing request --home ./issuing --out issuing.request'))
    .action(() => {
      const { out, suite } = request.opts<{ out: string; suite: 'level5' | 'level3' }>()
      return runner.perform(request, 'caIssuingRequest', { out, suite, ...keystoreOptions(request) })
    })
  const sign = withCaOptions(issuing.command('sign').description('sign such a request, where the root is'))
    .argument('<file>', 'the request')
    .requiredOption('--out <file>', 'where the answer goes')
    .addHelpText('after', examples('gapmesh ca issuing sign issuing.request --home ./ca --out issuing.answer'))
    .action((file: string) => {
      const { out } = sign.opts<CaSignOptions>()
      return runner.perform(sign, 'caIssuingSign', { file, out, ...keystoreOptions(sign) })
    })
  const install = withCaOptions(issuing.command('install').description('put the answer where the request was made'))
    .argument('<file>', 'the answer')
    .requiredOption('--root <fingerprint>', 'of the root of the mesh, 64 hexadecimal digits', parseHex(64))
    .addHelpText('after', examples('gapmesh ca issuing install issuing.answer --home ./issuing --root 9f3c...'))
    .action((file: string) => {
      const { root } = install.opts<CaInstallOptions>()
      return runner.perform(install, 'caIssuingInstall', { file, root, ...keystoreOptions(install) })
    })
}
