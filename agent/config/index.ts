/**
 * The agent's configuration: one table of options from which come the check of the file, the flags, the environment
 * variables, the help and the reference page.
 *
 * In: a YAML file, flags and environment variables. Out: {@link AgentConfig}, complete and checked, or an error that
 * names the place and the key.
 */
export { CONFIG_FILE, type LoadConfigInput, loadConfig } from './load.ts'
export {
  type AgentConfig,
  describeValues,
  flagOf,
  isList,
  OPTIONS,
  type OptionKey,
  type OptionSpec,
  type OptionType,
  variableOf,
} from './options.ts'
export { configurationReference } from './reference.ts'
export { suggest } from './suggest.ts'
export { parseListenAddress } from './values.ts'
