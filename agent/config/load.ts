import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { AGENT_ERRORS } from '../errors.ts'
import { MAX_CONFIG_BYTES } from '../limits.ts'
import { type AgentConfig, flagOf, isList, OPTIONS, type OptionSpec, variableOf } from './options.ts'
import { checkValue, type OptionValue, type RawValue } from './values.ts'

/** Name of the configuration file in a node's home. */
export const CONFIG_FILE = 'config.yaml'

export interface LoadConfigInput {
  /** The node's home; its {@link CONFIG_FILE} is read if it is there. */
  home: string
  /** Another file, which must be there. */
  file?: string | undefined
  /** Values of flags by option key. */
  flags: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  env: Readonly<Record<string, string | undefined>>
  /** Base of relative paths in flags and variables. */
  workingDirectory: string
}

/**
 * The agent's configuration: for each option the flag, else the environment variable, else the file, else the default.
 * @throws AGENT_CONFIG_READ, AGENT_CONFIG_TOO_LARGE, AGENT_CONFIG_YAML, AGENT_CONFIG_ENV, AGENT_CONFIG_UNKNOWN_KEY,
 * AGENT_CONFIG_VALUE
 */
export async function loadConfig(input: LoadConfigInput): Promise<AgentConfig> {
  const file = await readConfigFile(input)
  const values = OPTIONS.map((spec: OptionSpec): [string, OptionValue | undefined] => [
    spec.key,
    fromFlag(spec, input) ?? fromVariable(spec, input) ?? file.get(spec.key) ?? spec.default,
  ])
  return Object.fromEntries(values) as AgentConfig
}

async function readConfigFile(input: LoadConfigInput): Promise<Map<string, OptionValue>> {
  const path = resolve(input.workingDirectory, input.file ?? resolve(input.home, CONFIG_FILE))
  try {
    // Before reading: the size of what is named by mistake has no bound.
    if ((await stat(path)).size > MAX_CONFIG_BYTES)
      throw AGENT_ERRORS.create('AGENT_CONFIG_TOO_LARGE', { detail: path })
    // The YAML parser is loaded only where there is a file.
    const { parseConfigFile } = await import('./file.ts')
    return parseConfigFile({ path, text: await readFile(path, 'utf8'), env: input.env })
  } catch (cause) {
    if (AGENT_ERRORS.matches(cause)) throw cause
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    if (missing && input.file === undefined) return new Map()
    throw AGENT_ERRORS.create('AGENT_CONFIG_READ', { detail: path, cause })
  }
}

function fromFlag(spec: OptionSpec, input: LoadConfigInput): OptionValue | undefined {
  const raw = input.flags[spec.key]
  return raw === undefined ? undefined : checked(spec, raw, { input, name: flagOf(spec.key) })
}

function fromVariable(spec: OptionSpec, input: LoadConfigInput): OptionValue | undefined {
  const name = variableOf(spec.key)
  const text = input.env[name]
  if (text === undefined) return undefined
  const items = text.split(',').filter((item) => item.length > 0)
  return checked(spec, isList(spec) ? items : text, { input, name })
}

function checked(spec: OptionSpec, raw: RawValue, given: { input: LoadConfigInput; name: string }): OptionValue {
  const result = checkValue(spec, raw, given.input.workingDirectory)
  if ('value' in result) return result.value
  throw AGENT_ERRORS.create('AGENT_CONFIG_VALUE', { detail: `${given.name} must be ${result.expected}` })
}
