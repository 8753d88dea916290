// Messages as RFC 9174 lays them out, written down by hand.
import t from 'tap'
import { MAX_LINK_EXTENSION_BYTES, MAX_LINK_NODE_ID_BYTES } from '../../../bundles/limits.ts'
import { Input } from '../../../bundles/links/tcpclv4/input.ts'
import { readAck, writeAck } from '../../../bundles/links/tcpclv4/messages/ack.ts'
import { readContactHeader, writeContactHeader } from '../../../bundles/links/tcpclv4/messages/contact-header.ts'
import { readItems } from '../../../bundles/links/tcpclv4/messages/extension-items.ts'
import { readKeepalive, writeKeepalive } from '../../../bundles/links/tcpclv4/messages/keepalive.ts'
import { readRefuse, writeRefuse } from '../../../bundles/links/tcpclv4/messages/refuse.ts'
import { readReject, writeReject } from '../../../bundles/links/tcpclv4/messages/reject.ts'
import { readSegmentHead, transferLengthOf, writeSegment } from '../../../bundles/links/tcpclv4/messages/segment.ts'
import { readSessionInit, writeSessionInit } from '../../../bundles/links/tcpclv4/messages/session-init.ts'
import { readTerminate, writeTerminate } from '../../../bundles/links/tcpclv4/messages/terminate.ts'
import { Output } from '../../../bundles/links/tcpclv4/output.ts'
import { equalBytes, toHex, utf8 } from '../../../core/index.ts'

function hexOf(write: (out: Output) => void): string {
  const out = new Output()
  write(out)
  return toHex(Buffer.concat(out.take()))
}

function inputOf(hex: string): Input {
  const input = new Input()
  input.push(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
  return input
}

const INIT = { keepaliveS: 30, segmentMru: 65_536, transferMru: 16_777_216, nodeId: 'dtn://a/' }
const ACK = { start: true, end: true, transferId: 7, length: 1024 }
const VECTORS = [
  {
    name: 'contact header',
    hex: '64746e21 04 01',
    write: (out: Output) => writeContactHeader(out, { version: 4, canTls: true }),
    read: readContactHeader,
    value: { version: 4, canTls: true },
  },
  {
    name: 'SESS_INIT',
    hex: '07 001e 0000000000010000 0000000001000000 0008 64746e3a2f2f612f 00000000',
    write: (out: Output) => writeSessionInit(out, INIT),
    read: readSessionInit,
    value: { ...INIT, extensions: [] },
  },
  {
    name: 'XFER_ACK',
    hex: '02 03 0000000000000007 0000000000000400',
    write: (out: Output) => writeAck(out, ACK),
    read: readAck,
    value: ACK,
  },
  {
    name: 'XFER_REFUSE',
    hex: '03 04 0000000000000007',
    write: (out: Output) => writeRefuse(out, { reason: 4, transferId: 7 }),
    read: readRefuse,
    value: { reason: 4, transferId: 7 },
  },
  {
    name: 'SESS_TERM',
    hex: '05 01 03',
    write: (out: Output) => writeTerminate(out, { reply: true, reason: 3 }),
    read: readTerminate,
    value: { reply: true, reason: 3 },
  },
  {
    name: 'MSG_REJECT',
    hex: '06 03 01',
    write: (out: Output) => writeReject(out, { reason: 3, type: 1 }),
    read: readReject,
    value: { reason: 3, type: 1 },
  },
]

for (const { name, hex, write, read, value } of VECTORS) {
  t.test(`${name} is as the RFC lays it out, and is read no sooner than it is whole`, async (t) => {
    const bytes = hex.replaceAll(' ', '')
    t.equal(hexOf(write), bytes)
    for (let length = 0; length < bytes.length / 2; length += 1) {
      const input = inputOf(bytes.slice(0, length * 2))
      t.equal(input.whole<unknown>(read), undefined, `${length} bytes`)
      t.equal(input.left, length, 'nothing was read')
    }
    const input = inputOf(`${bytes}ff`)
    t.same(input.whole<unknown>(read), value)
    t.equal(input.left, 1)
  })
}

t.test('KEEPALIVE is one byte', async (t) => {
  t.equal(hexOf(writeKeepalive), '04')
  readKeepalive(inputOf('04'))
})

t.test('segments: one alone, and the first, a middle and the last of several', async (t) => {
  const data = utf8('abc')
  const segment = (start: boolean, end: boolean) =>
    hexOf((out) => writeSegment(out, { start, end, transferId: 1, transferLength: 9, data }))
  const id = '0000000000000001'
  const tail = '0000000000000003616263'
  t.equal(segment(true, true), `0103${id}00000000${tail}`)
  const first = `0102${id}0000000d01000100080000000000000009${tail}`
  t.equal(segment(true, false), first, 'with a critical Transfer Length item')
  t.equal(segment(false, false), `0100${id}${tail}`)
  t.equal(segment(false, true), `0101${id}${tail}`)
  const head = readSegmentHead(inputOf(first))
  t.match(head, { start: true, end: false, transferId: 1, length: 3 })
  t.equal(transferLengthOf(head.extensions[0]!), 9)
  t.throws(() => transferLengthOf({ critical: true, type: 1, value: data }), { code: 'BUNDLES_LINK_MALFORMED' })
})

t.test('extension items fill their list', async (t) => {
  const list = Buffer.from('01000500020102' + '0000060000', 'hex')
  const items = readItems(list)
  t.match(items, [
    { critical: true, type: 5 },
    { critical: false, type: 6 },
  ])
  t.ok(equalBytes(items[0]!.value, Uint8Array.of(1, 2)))
  for (let length = 1; length < list.length; length += 1) {
    if (length === 7) continue
    t.throws(() => readItems(list.subarray(0, length)), { code: 'BUNDLES_LINK_MALFORMED' })
  }
})

t.test('lengths above their caps are refused before what they announce has come', async (t) => {
  const over = (value: number, bytes: number) => value.toString(16).padStart(bytes * 2, '0')
  const init = '07 0000 0000000000000001 0000000000000001'
  const refused = { code: 'BUNDLES_LINK_MALFORMED' }
  t.throws(() => inputOf(`${init} ${over(MAX_LINK_NODE_ID_BYTES + 1, 2)}`).whole(readSessionInit), refused)
  t.throws(() => inputOf(`${init} 0000 ${over(MAX_LINK_EXTENSION_BYTES + 1, 4)}`).whole(readSessionInit), refused)
  t.throws(() => inputOf(`0102${over(1, 8)}${over(MAX_LINK_EXTENSION_BYTES + 1, 4)}`).whole(readSegmentHead), refused)
  t.throws(() => inputOf(`${init} 0001 ff 00000000`).whole(readSessionInit), refused, 'a node id that is not UTF-8')
  t.throws(() => inputOf('64746e3f').whole(readContactHeader), refused, 'at the first wrong byte')
})

t.test('numbers of 64 bits read as the largest that is exact', async (t) => {
  t.equal(inputOf('ffffffffffffffff').u64(), Number.MAX_SAFE_INTEGER)
  t.equal(inputOf('001fffffffffffff').u64(), Number.MAX_SAFE_INTEGER)
  t.equal(inputOf('0000000100000001').u64(), 2 ** 32 + 1)
})
