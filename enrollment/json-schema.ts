/**
 * The part of JSON Schema (2020-12) in which the bodies of the enrolment API are described. The same description checks
 * bodies on both ends and stands in the OpenAPI document. Stricter than JSON Schema: objects hold nothing but what is
 * named, nothing is coerced, nothing is filled in.
 */
export type JsonSchema =
  | (Described & { readonly type: 'null' | 'boolean' })
  | (Described & { readonly type: 'integer'; readonly minimum: number; readonly maximum: number })
  | (Described & {
      readonly type: 'string'
      /** In characters (UTF-16 units). */
      readonly maxLength: number
      readonly pattern?: string
      readonly enum?: readonly string[]
      readonly format?: 'date-time' | 'uri'
    })
  | (Described & { readonly type: 'array'; readonly items: JsonSchema; readonly maxItems: number })
  | ObjectSchema
  | (Described & { readonly anyOf: readonly JsonSchema[] })

/** An object with exactly these members; those that are not required may be absent. */
export interface ObjectSchema extends Described {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, JsonSchema>>
  readonly required: readonly string[]
  readonly additionalProperties: false
}

interface Described {
  readonly description?: string
}

/** An object of which every member is required but those that `optional` names. */
export function objectOf(
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): ObjectSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, required, additionalProperties: false }
}

/**
 * Where `value`, as JSON.parse gives it, is not what the schema describes: the path of the first flaw, such as
 * `config.policy`, or `body` for the whole; undefined when it is.
 */
export function flawIn(schema: JsonSchema, value: unknown, path = 'body'): string | undefined {
  if ('anyOf' in schema) {
    return schema.anyOf.some((one) => flawIn(one, value, path) === undefined) ? undefined : path
  }
  switch (schema.type) {
    case 'null':
      return value === null ? undefined : path
    case 'boolean':
      return typeof value === 'boolean' ? undefined : path
    case 'integer':
      return isWhole(value, schema.minimum, schema.maximum) ? undefined : path
    case 'string':
      return isText(value, schema) ? undefined : path
    case 'array':
      return flawInArray(schema, value, path)
    case 'object':
      return flawInObject(schema, value, path)
  }
}

function isWhole(value: unknown, minimum: number, maximum: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum
}

function isText(value: unknown, schema: Extract<JsonSchema, { type: 'string' }>): boolean {
  if (typeof value !== 'string' || value.length > schema.maxLength || !value.isWellFormed()) return false
  if (schema.enum !== undefined && !schema.enum.includes(value)) return false
  return schema.pattern === undefined || new RegExp(schema.pattern).test(value)
}

function flawInArray(
  { items, maxItems }: Extract<JsonSchema, { type: 'array' }>,
  value: unknown,
  path: string,
): string | undefined {
  if (!Array.isArray(value) || value.length > maxItems) return path
  for (const item of value) {
    const flaw = flawIn(items, item, path)
    if (flaw !== undefined) return flaw
  }
  return undefined
}

function flawInObject({ properties, required }: ObjectSchema, value: unknown, path: string): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return path
  const within = (name: string) => (path === 'body' ? name : `${path}.${name}`)
  const missing = required.find((name) => !Object.hasOwn(value, name))
  if (missing !== undefined) return within(missing)
  for (const [name, member] of Object.entries(value)) {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined
    // What a stranger calls a member is not repeated.
    if (schema === undefined) return path
    const flaw = flawIn(schema, member, within(name))
    if (flaw !== undefined) return flaw
  }
  return undefined
}
