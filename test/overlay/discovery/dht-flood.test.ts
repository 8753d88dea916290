/** A member that asks the DHT without end. */
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { concatBytes } from '../../../core/index.ts'
import { dhtProtocol } from '../../../overlay/discovery/dht.ts'
import { makeTestMesh } from '../../helpers/pki.ts'
import { until } from '../harness.ts'
import { startAdmittedHost, startMember } from '../members.ts'

const mesh = await makeTestMesh({ nodes: ['a', 'b', 'pest'] })

/** Asks for the peers around the asker; true when that is answered. */
async function isAnswered(connection: Connection): Promise<boolean> {
  const id = connection.remotePeer.toMultihash().bytes
  const question = concatBytes(Uint8Array.of(0x08, 4, 0x12, id.length), id)
  try {
    const stream = await connection.newStream(dhtProtocol(mesh.mesh))
    let bytes = 0
    stream.addEventListener('message', ({ data }) => {
      bytes += data.byteLength
    })
    stream.send(concatBytes(Uint8Array.of(question.length), question))
    await until(() => bytes > 0 || stream.status !== 'open', 'answered or reset')
    stream.abort(new Error('enough'))
    return bytes > 0
  } catch {
    return false
  }
}

t.test('a peer that asks without end is not answered for a while, and others are', async (t) => {
  const a = await startMember(t, mesh, { nodeId: 'a', dht: true })
  const connect = async (nodeId: string) => {
    const host = await startAdmittedHost(t, mesh, { nodeId, services: {} })
    return host.dial(multiaddr(a.address()))
  }
  const [pest, honest] = [await connect('pest'), await connect('b')]
  let answered = 0
  for (let asked = 0; asked < 1_000; asked += 10) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => isAnswered(pest)))
    answered += answers.filter(Boolean).length
    if (!answers.includes(true)) break
  }
  t.ok(answered > 50 && answered < 800, `${answered} questions are answered`)
  t.ok(await isAnswered(honest), 'others have a share of their own')
})
