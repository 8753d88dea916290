/** Every byte of a format changed in turn, and every way to cut it short: for parsers that must not take two forms for one. */

/** How {@link everyByte} judges. */
interface Expectations<Value> {
  /** True for an error that the parser may throw. */
  readonly refuses: (error: unknown) => boolean
  /** True when a value means something else than the one of the unchanged bytes. */
  readonly means: (value: Value) => boolean
}

const CHANGES: readonly ((byte: number) => number)[] = [
  (byte) => byte ^ 0x01,
  (byte) => byte ^ 0x20,
  (byte) => byte ^ 0x80,
  (byte) => (byte + 1) & 0xff,
]

/** How many changed inputs were read and how many refused. Throws at the first that is taken for the unchanged one. */
export function everyByte<Value>(
  valid: Uint8Array,
  parse: (bytes: Uint8Array) => Value,
  { refuses, means }: Expectations<Value>,
): { read: number; refused: number } {
  const counts = { read: 0, refused: 0 }
  const judge = (bytes: Uint8Array, what: string) => {
    const value = attempt(() => parse(bytes), refuses)
    if (value === undefined) counts.refused += 1
    else counts.read += 1
    if (value !== undefined && !means(value)) throw new Error(`${what} makes no difference`)
  }
  for (let at = 0; at < valid.length; at += 1) {
    for (const change of CHANGES) {
      const bytes = Uint8Array.from(valid)
      bytes[at] = change(valid[at] ?? 0)
      judge(bytes, `byte ${at} as ${bytes[at]}`)
    }
    if (attempt(() => parse(valid.subarray(0, at)), refuses) !== undefined)
      throw new Error(`cut to ${at} bytes it is read`)
    counts.refused += 1
  }
  return counts
}

function attempt<Value>(parse: () => Value, refuses: (error: unknown) => boolean): Value | undefined {
  try {
    return parse()
  } catch (error) {
    if (!refuses(error)) throw error
    return undefined
  }
}
