import type { Command } from 'commander'
import type { KeystoreOptions, RemoteOptions } from '../actions.ts'
import { withCommonOptions } from '../runner.ts'
import { keystoreOptions, withKeystoreOptions } from './keystore-options.ts'

/** Adds what every command at a CA's home has. */
export function withCaOptions(command: Command): Command {
  return withKeystoreOptions(withCommonOptions(command, "the CA's"))
}

/** Adds what a command has that an operator can give over HTTPS. */
export function withRemoteOptions(command: Command): Command {
  return command
    .option('--url <url>', 'do it over HTTPS at this CA, as an operator, such as https://ca.example:8443')
    .option('--operator <dir>', "the operator's directory, from `gapmesh ca operator add`")
}

/** The values of {@link withCaOptions} and {@link withRemoteOptions}. */
export function remoteOptions(command: Command): KeystoreOptions & RemoteOptions {
  const { url, operator } = command.opts<RemoteOptions>()
  if ((url === undefined) !== (operator === undefined)) command.error('error: --url and --operator go together')
  return {
    ...(url !== undefined && { url }),
    ...(operator !== undefined && { operator }),
    ...keystoreOptions(command),
  }
}
