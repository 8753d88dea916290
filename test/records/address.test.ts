import { createHmac } from 'node:crypto'
import { isIP } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { isGapmeshError, toHex } from '../../core/index.ts'
import { hashAddress, MAX_PSEUDONYM_EPOCH, parseAddress } from '../../records/index.ts'

const KEY = new Uint8Array(32).fill(9)

const hex = (address: string) => toHex(parseAddress(address))

/** What the parser says: 16 bytes or nothing. */
function parsed(address: string): Uint8Array | undefined {
  try {
    return parseAddress(address)
  } catch (error) {
    if (isGapmeshError(error, 'RECORDS_ADDRESS')) return undefined
    throw error
  }
}

t.test('addresses have one 16-byte form, however they are written', async (t) => {
  t.equal(hex('192.0.2.1'), '00000000000000000000ffffc0000201')
  t.equal(hex('::ffff:192.0.2.1'), hex('192.0.2.1'))
  t.equal(hex('::FFFF:c000:201'), hex('192.0.2.1'))
  t.equal(hex('2001:db8::1'), '20010db8000000000000000000000001')
  t.equal(hex('2001:0DB8:0:0:0:0:0:1'), hex('2001:db8::1'))
  t.equal(hex('::'), '00'.repeat(16))
  t.equal(hex('::1'), `${'00'.repeat(15)}01`)
  t.equal(hex('1::'), `0001${'00'.repeat(14)}`)
  t.equal(hex('1:2:3:4:5:6:7::'), hex('1:2:3:4:5:6:7:0'))
  t.equal(hex('64:ff9b::192.0.2.33'), '0064ff9b0000000000000000c0000221')
  t.equal(hex('fe80::1%eth0'), hex('fe80::1'), 'the zone id is of one machine only')
})

t.test('what is not exactly an address is refused', async (t) => {
  const wrong = [
    '',
    ' ',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.0x4',
    '1.2.3.4 ',
    '3232235777',
    '1.2.3.4/24',
  ]
  const wrong6 = [
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::1',
    '::1%',
    '%eth0',
  ]
  const mixed = [
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::ffff:1.2.3.04',
    '[::1]',
    '1.2.3.4:80',
    '1.2.3.4%eth0',
    ':1::',
    '1::2:',
  ]
  for (const address of [...wrong, ...wrong6, ...mixed]) {
    t.throws(() => parseAddress(address), { code: 'RECORDS_ADDRESS' }, JSON.stringify(address))
  }
})

t.test('the same texts are addresses here and for Node, and the bytes are those of a URL host', async (t) => {
  const near = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.stringMatching(/^[0-9a-f:.]{0,24}$/),
    fc.tuple(fc.ipV6(), fc.nat(20), fc.constantFrom(':', '::', '0', '.', 'f', '')).map(([address, at, extra]) => {
      return address.slice(0, at) + extra + address.slice(at + 1)
    }),
  )
  const counts = { read: 0, refused: 0 }
  fc.assert(
    fc.property(near, (address) => {
      const bytes = parsed(address)
      counts[bytes === undefined ? 'refused' : 'read'] += 1
      if ((isIP(address) !== 0) !== (bytes !== undefined)) return false
      if (bytes === undefined || isIP(address) === 4) return true
      const groups = Array.from({ length: 8 }, (_, at) => toHex(bytes.subarray(2 * at, 2 * at + 2)))
      return new URL(`http://[${groups.join(':')}]/`).hostname === new URL(`http://[${address}]/`).hostname
    }),
    { numRuns: 3_000 },
  )
  t.ok(counts.read > 500 && counts.refused > 500, JSON.stringify(counts))
})

t.test('a hashed address is HMAC-SHA-256 over the 16 bytes and the epoch', async (t) => {
  const message = Buffer.concat([parseAddress('192.0.2.1'), Buffer.from('0000000000000005', 'hex')])
  const expected = createHmac('sha256', KEY).update(message).digest('hex')
  t.equal(toHex(hashAddress('192.0.2.1', { key: KEY, epoch: 5 })), expected)
  t.same(hashAddress('::ffff:192.0.2.1', { key: KEY, epoch: 5 }), hashAddress('192.0.2.1', { key: KEY, epoch: 5 }))
  t.notSame(hashAddress('192.0.2.1', { key: KEY, epoch: 6 }), hashAddress('192.0.2.1', { key: KEY, epoch: 5 }))
  const other = new Uint8Array(32).fill(8)
  t.notSame(hashAddress('192.0.2.1', { key: other, epoch: 5 }), hashAddress('192.0.2.1', { key: KEY, epoch: 5 }))
  t.throws(() => hashAddress('192.0.2.1', { key: KEY.subarray(1), epoch: 5 }), TypeError)
  t.throws(() => hashAddress('192.0.2.1', { key: KEY, epoch: MAX_PSEUDONYM_EPOCH + 1 }), TypeError)
  t.throws(() => hashAddress('192.0.2.1', { key: KEY, epoch: -1 }), TypeError)
  t.throws(() => hashAddress('host.example', { key: KEY, epoch: 5 }), { code: 'RECORDS_ADDRESS' })
})
