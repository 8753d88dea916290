import { ENROLLMENT_ERRORS } from './errors.ts'
import { MAX_PEM_CHARACTERS } from './limits.ts'

const LINE_CHARACTERS = 64
const BLOCK = /^-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n((?:[A-Za-z0-9+/=]{1,76}\r?\n)+)-----END \1-----\r?\n?/

/** PEM (RFC 7468) of DER bytes under `label`, such as `CERTIFICATE`. */
export function encodePem(label: string, der: Uint8Array): string {
  const text = Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64')
  const lines: string[] = []
  for (let at = 0; at < text.length; at += LINE_CHARACTERS) lines.push(text.slice(at, at + LINE_CHARACTERS))
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/**
 * DER of each block in PEM text that holds nothing but blocks under `label`: at least one, at most `maxBlocks`.
 * @throws ENROLLMENT_PEM
 */
export function decodePem(text: string, options: { label: string; maxBlocks: number }): Uint8Array[] {
  const malformed = () => ENROLLMENT_ERRORS.create('ENROLLMENT_PEM')
  if (text.length > MAX_PEM_CHARACTERS) throw malformed()
  const blocks: Uint8Array[] = []
  let rest = text
  while (rest.length > 0) {
    const [whole = '', label, body = ''] = BLOCK.exec(rest) ?? []
    const der = decodeBase64(body.replace(/\r?\n/g, ''))
    if (label !== options.label || der === undefined || blocks.length === options.maxBlocks) throw malformed()
    blocks.push(der)
    rest = rest.slice(whole.length)
  }
  if (blocks.length === 0) throw malformed()
  return blocks
}

/** Strict base64 (RFC 4648 §4) with padding; undefined for anything else. */
function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined
}
