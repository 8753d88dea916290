import { dirname } from 'node:path'
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { GapmeshError } from '../../core/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { MAX_CONFIG_BYTES } from '../limits.ts'
import { OPTIONS, type OptionSpec } from './options.ts'
import { suggest } from './suggest.ts'
import { checkValue, type OptionValue, type RawValue } from './values.ts'

export interface ConfigFileInput {
  /** For messages; relative paths in the file are resolved against its directory. */
  path: string
  text: string
  /** Variables that `${NAME}` refers to. */
  env: Readonly<Record<string, string | undefined>>
}

type Code = 'AGENT_CONFIG_YAML' | 'AGENT_CONFIG_ENV' | 'AGENT_CONFIG_UNKNOWN_KEY' | 'AGENT_CONFIG_VALUE'

const VARIABLE = /\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)\}/g

/**
 * Options in a YAML file by key. Keys nest (`gossip:` `max_peers:`) or are written with dots. `${NAME}` in a value is
 * replaced by that variable, `$${NAME}` is the literal text. Errors name file, line, column and key.
 * @throws AGENT_CONFIG_TOO_LARGE, AGENT_CONFIG_YAML, AGENT_CONFIG_ENV, AGENT_CONFIG_UNKNOWN_KEY, AGENT_CONFIG_VALUE
 */
export function parseConfigFile(input: ConfigFileInput): Map<string, OptionValue> {
  if (Buffer.byteLength(input.text) > MAX_CONFIG_BYTES) {
    throw AGENT_ERRORS.create('AGENT_CONFIG_TOO_LARGE', { detail: input.path })
  }
  return new ConfigReader(input).read()
}

class ConfigReader {
  readonly #input: ConfigFileInput
  readonly #lines = new LineCounter()
  readonly #values = new Map<string, OptionValue>()

  constructor(input: ConfigFileInput) {
    this.#input = input
  }

  read(): Map<string, OptionValue> {
    const document = parseDocument(this.#input.text, { lineCounter: this.#lines, prettyErrors: false })
    const [error] = [...document.errors, ...document.warnings]
    if (error !== undefined) throw this.#error('AGENT_CONFIG_YAML', error.pos[0], error.message)
    if (document.contents !== null) this.#readMap(document.contents, '')
    return this.#values
  }

  #readMap(node: Node, prefix: string): void {
    // An empty file or section, as when all its lines are commented out.
    if (isScalar(node) && node.value === null) return
    if (!isMap(node)) {
      throw this.#error(
        'AGENT_CONFIG_YAML',
        offsetOf(node),
        `${prefix.slice(0, -1) || 'the file'} must be a map of keys`,
      )
    }
    for (const { key, value } of node.items as { key: Node; value: Node | null }[]) {
      if (!isScalar(key)) throw this.#error('AGENT_CONFIG_YAML', offsetOf(key), 'keys are plain words')
      this.#readKey(key, value, `${prefix}${key.value}`)
    }
  }

  #readKey(key: Node, value: Node | null, name: string): void {
    const spec: OptionSpec | undefined = OPTIONS.find((option) => option.key === name)
    if (spec !== undefined) this.#readValue(spec, key, value)
    else if (OPTIONS.some((option) => option.key.startsWith(`${name}.`))) {
      if (value !== null) this.#readMap(value, `${name}.`)
    } else throw this.#unknown(key, name)
  }

  #readValue(spec: OptionSpec, key: Node, node: Node | null): void {
    if (this.#values.has(spec.key)) throw this.#error('AGENT_CONFIG_YAML', offsetOf(key), `${spec.key} is given twice`)
    const checked = checkValue(spec, this.#raw(node, spec.key), dirname(this.#input.path))
    if ('expected' in checked) {
      throw this.#error('AGENT_CONFIG_VALUE', offsetOf(node ?? key), `${spec.key} must be ${checked.expected}`)
    }
    this.#values.set(spec.key, checked.value)
  }

  #raw(node: Node | null, key: string): RawValue {
    if (node === null) return null
    if (isSeq(node)) return node.items.map((item) => this.#raw(item as Node, key))
    if (isScalar(node)) return this.#scalar(node.value, offsetOf(node))
    const problem = isAlias(node) ? 'aliases are not used here' : `${key} holds no keys of its own`
    throw this.#error('AGENT_CONFIG_YAML', offsetOf(node), problem)
  }

  #scalar(value: unknown, offset: number): RawValue {
    if (typeof value === 'string') return this.#expand(value, offset)
    if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
    throw this.#error('AGENT_CONFIG_YAML', offset, 'this kind of value is not used here')
  }

  #expand(text: string, offset: number): string {
    return text.replace(VARIABLE, (written, dollar: string, name: string) => {
      if (dollar === '$') return written.slice(1)
      const value = Object.hasOwn(this.#input.env, name) ? this.#input.env[name] : undefined
      if (value === undefined) throw this.#error('AGENT_CONFIG_ENV', offset, name)
      return value
    })
  }

  #unknown(key: Node, name: string): GapmeshError {
    const error = this.#error('AGENT_CONFIG_UNKNOWN_KEY', offsetOf(key), name)
    const near = suggest(
      name,
      OPTIONS.map((option) => option.key),
    )
    if (near === undefined) return error
    const { message } = AGENT_ERRORS.specs.AGENT_CONFIG_UNKNOWN_KEY
    const detail = error.message.slice(message.length + 2)
    return new GapmeshError(error.code, { message, hint: `Did you mean ${near}?` }, { detail })
  }

  #error(code: Code, offset: number, what: string): GapmeshError {
    const { line, col } = this.#lines.linePos(offset)
    const detail = `${this.#input.path}:${line}:${col}: ${what}`
    return AGENT_ERRORS.create(code, { detail, metadata: { path: this.#input.path, line, column: col } })
  }
}

function offsetOf(node: Node): number {
  return node.range?.[0] ?? 0
}
