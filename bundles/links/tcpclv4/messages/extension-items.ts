/*
 * Extension item of a session (RFC 9174 §4.8) or of a transfer (§5.2.5); a list is items one after another:
 *
 *   0       1      3        5
 *   | flags | type | length | value |        flags: 0x01 critical, the rest reserved: sent 0, ignored
 */
import { Input, malformed } from '../input.ts'
import { CRITICAL } from '../numbers.ts'

export interface ExtensionItem {
  readonly critical: boolean
  readonly type: number
  readonly value: Uint8Array
}

/**
 * The items of a list, which must fill it.
 * @throws BUNDLES_LINK_MALFORMED
 */
export function readItems(list: Uint8Array): ExtensionItem[] {
  if (list.length === 0) return []
  const input = new Input()
  input.push(list)
  const items: ExtensionItem[] = []
  while (input.left > 0) {
    const item = input.whole(readItem)
    if (item === undefined) throw malformed()
    items.push(item)
  }
  return items
}

function readItem(input: Input): ExtensionItem {
  return { critical: (input.u8() & CRITICAL) !== 0, type: input.u16(), value: input.bytes(input.u16()) }
}
