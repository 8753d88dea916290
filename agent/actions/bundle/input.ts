import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CommandContext } from '../../cli/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'
import { readInput } from '../ca/files.ts'

/** Longest input that is read: a bundle as hexadecimal digits, with room for line ends. */
const MAX_INPUT_BYTES = 40 * 1024 * 1024

const HEX = /^(?:[0-9a-f]{2})+$/

/**
 * The bundle that a command's argument names: a file, standard input, or its digits.
 * @throws AGENT_BUNDLE_INPUT, AGENT_FILE_TOO_LARGE
 */
export async function readBundleInput(input: string, context: CommandContext): Promise<Uint8Array> {
  const isName = input === '-' || existsSync(resolve(context.io.workingDirectory, input))
  const digits = isName ? undefined : hexOf(input)
  if (digits !== undefined) return digits
  const bytes = await readNamed(input, context)
  // Every bundle begins with 9f, no digit does.
  const read = bytes[0] === 0x9f ? bytes : hexOf(Buffer.from(bytes).toString('latin1'))
  if (read === undefined) throw AGENT_ERRORS.create('AGENT_BUNDLE_INPUT')
  return read
}

/** A file, or standard input for `-`. @throws AGENT_FILE_TOO_LARGE */
export async function readNamed(name: string, context: CommandContext): Promise<Uint8Array> {
  if (name !== '-') return readInput(name, MAX_INPUT_BYTES, context)
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of context.io.stdin) {
    chunks.push(Buffer.from(chunk))
    length += chunk.length
    if (length > MAX_INPUT_BYTES) throw AGENT_ERRORS.create('AGENT_FILE_TOO_LARGE', { detail: 'standard input' })
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function hexOf(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, '').replace(/^0x/i, '').toLowerCase()
  return HEX.test(digits) ? new Uint8Array(Buffer.from(digits, 'hex')) : undefined
}
