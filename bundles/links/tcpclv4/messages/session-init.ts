/*
 * SESS_INIT (RFC 9174 §4.6):
 *
 *   0      1             3                11                19               21
 *   | 0x07 | keepalive s | segment MRU    | transfer MRU    | length of id   | node id (UTF-8) |
 *          | u16         | u64            | u64             | u16            |                 |
 *   | length of items u32 | session extension items |
 */
import { utf8 } from '../../../../core/index.ts'
import { MAX_LINK_EXTENSION_BYTES, MAX_LINK_NODE_ID_BYTES } from '../../../limits.ts'
import { type Input, malformed } from '../input.ts'
import { MESSAGE } from '../numbers.ts'
import type { Output } from '../output.ts'
import { type ExtensionItem, readItems } from './extension-items.ts'

/** What a side says of itself; the session goes by both. */
export interface SessionInit {
  /** 0: none. */
  readonly keepaliveS: number
  readonly segmentMru: number
  readonly transferMru: number
  readonly nodeId: string
  readonly extensions: readonly ExtensionItem[]
}

/** Writes it without extension items: none are defined. */
export function writeSessionInit(out: Output, init: Omit<SessionInit, 'extensions'>): void {
  const nodeId = utf8(init.nodeId)
  out.u8(MESSAGE.init).u16(init.keepaliveS).u64(init.segmentMru).u64(init.transferMru)
  out.u16(nodeId.length).data(nodeId).u32(0)
}

/** @throws BUNDLES_LINK_MALFORMED */
export function readSessionInit(input: Input): SessionInit {
  input.u8()
  const [keepaliveS, segmentMru, transferMru, idLength] = [input.u16(), input.u64(), input.u64(), input.u16()]
  if (idLength > MAX_LINK_NODE_ID_BYTES) throw malformed()
  const nodeId = text(input.bytes(idLength))
  return { keepaliveS, segmentMru, transferMru, nodeId, extensions: readItems(input.list(MAX_LINK_EXTENSION_BYTES)) }
}

function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed()
  }
}
