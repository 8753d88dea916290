/** DER as a tree that tests cut, swap and write again; knows nothing of the code under test. */

export interface DerNode {
  tag: number
  children?: DerNode[]
  content?: Buffer
}

export function parseTree(bytes: Uint8Array): DerNode {
  const [node] = parseAll(Buffer.from(bytes))
  if (node === undefined) throw new TypeError('no DER')
  return node
}

function parseAll(bytes: Buffer): DerNode[] {
  const nodes: DerNode[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at]!
    const lengthBytes = bytes[at + 1]! < 0x80 ? 0 : bytes[at + 1]! & 0x7f
    const start = at + 2 + lengthBytes
    const length = lengthBytes === 0 ? bytes[at + 1]! : bytes.readUIntBE(at + 2, lengthBytes)
    const content = bytes.subarray(start, start + length)
    nodes.push((tag & 0x20) !== 0 ? { tag, children: parseAll(content) } : { tag, content })
    at = start + length
  }
  return nodes
}

export function encodeTree(node: DerNode): Buffer {
  const content = node.content ?? Buffer.concat((node.children ?? []).map(encodeTree))
  return Buffer.concat([Buffer.of(node.tag), encodeLength(content.length), content])
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length)
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  const minimal = bytes.subarray(bytes.findIndex((byte) => byte !== 0))
  return Buffer.concat([Buffer.of(0x80 | minimal.length), minimal])
}

/** The node reached by child indices. */
export function at(node: DerNode, ...path: number[]): DerNode {
  return path.reduce((current, index) => current.children!.at(index)!, node)
}

/** A primitive node. */
export function leaf(tag: number, hex: string): DerNode {
  return { tag, content: Buffer.from(hex, 'hex') }
}
