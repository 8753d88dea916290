import { once } from 'node:events'
import { createServer } from 'node:net'
import { connect } from 'node:tls'
import fc from 'fast-check'
import t from 'tap'
import { concatBytes, fromHex, uintBytes } from '../../../core/index.ts'
import { MAX_HELLO_BYTES } from '../../../overlay/limits.ts'
import { HelloReader, HelloWatch } from '../../../overlay/link/hello.ts'

/** The first bytes that Node's own client sends with these groups. */
async function clientHello(ecdhCurve: string): Promise<Uint8Array> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = connect({ port, host: '127.0.0.1', ecdhCurve, minVersion: 'TLSv1.3' }).on('error', () => undefined)
  const [socket] = await once(server, 'connection')
  const chunks: Uint8Array[] = []
  const length = () => (chunks[0] === undefined ? Number.MAX_VALUE : 5 + chunks[0][3]! * 256 + chunks[0][4]!)
  for await (const chunk of socket) {
    chunks.push(new Uint8Array(chunk))
    if (concatBytes(...chunks).length >= length()) break
  }
  client.destroy()
  server.close()
  return concatBytes(...chunks)
}

/** ServerHello (or HelloRetryRequest: same shape) with the given extensions, in one record. */
function serverHello(extensions: string): Uint8Array {
  const list = fromHex(extensions)
  const body = concatBytes(fromHex(`0303${'07'.repeat(32)}00130200`), uintBytes(list.length, 2), list)
  const message = concatBytes(Uint8Array.of(2), uintBytes(body.length, 3), body)
  return concatBytes(fromHex('160303'), uintBytes(message.length, 2), message)
}

const RETRY = serverHello('002b00020304003300' + '0211ed')
const SERVER = serverHello('002b00020304003300' + '0611ed0002aabb')
const RESUMED = serverHello('002b0002030400290002000000330006' + '11ed0002aabb')
const ENCRYPTED = fromHex('1703030003aabbcc')
const client = await clientHello('SecP384r1MLKEM1024')

t.test('reads the hellos of Node, in pieces of any size, up to the encrypted part', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400 }), (pieceBytes) => {
      const reader = new HelloReader()
      const bytes = concatBytes(client, fromHex('140303000101'), client, ENCRYPTED, client)
      for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes))
      t.same(reader.hellos, Array(2).fill({ kind: 'client', preSharedKey: false, group: undefined }))
      t.notOk(reader.broken)
    }),
    { numRuns: 20 },
  )
})

t.test('reads a hello that is spread over several records', async (t) => {
  const reader = new HelloReader()
  const message = client.subarray(5)
  for (let at = 0; at < message.length; at += 100) {
    const fragment = message.subarray(at, at + 100)
    reader.push(concatBytes(fromHex('160301'), uintBytes(fragment.length, 2), fragment))
  }
  t.equal(reader.hellos.length, 1)
})

t.test('tells the group the server chose last, and an offered or resumed session', async (t) => {
  const watch = new HelloWatch('listener')
  watch.received(client)
  t.ok(watch.broken, 'half of it is not enough')
  watch.sent(RETRY)
  watch.received(client)
  watch.sent(concatBytes(SERVER, ENCRYPTED))
  t.same([watch.broken, watch.sessionOffered, watch.group], [false, false, 0x11ed])
  const resumed = new HelloWatch('dialler')
  resumed.sent(client)
  resumed.received(RESUMED)
  t.same([resumed.broken, resumed.sessionOffered], [false, true])
})

t.test('hellos in the wrong direction, other messages and endless ones are broken', async (t) => {
  const swapped = new HelloWatch('listener')
  swapped.received(SERVER)
  swapped.sent(client)
  t.ok(swapped.broken)
  const other = new HelloReader()
  other.push(fromHex('16030300040b000000'))
  t.ok(other.broken)
  const short = new HelloReader()
  short.push(fromHex('160303000602000002' + '0303'))
  t.ok(short.broken)
  const endless = new HelloReader()
  const part = concatBytes(fromHex('1603014000'), fromHex('01ffffff'), new Uint8Array(0x4000 - 4))
  for (let bytes = 0; bytes <= MAX_HELLO_BYTES; bytes += part.length) endless.push(part)
  t.ok(endless.broken)
  t.same(endless.hellos, [])
})

t.test('changed bytes never throw', async (t) => {
  fc.assert(
    fc.property(fc.nat(client.length - 1), fc.nat(255), (at, value) => {
      const changed = client.slice()
      changed[at] = value
      const reader = new HelloReader()
      reader.push(changed)
      t.ok(reader.hellos.length <= 1)
    }),
    { numRuns: 200 },
  )
})
