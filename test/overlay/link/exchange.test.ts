import t from 'tap'
import { utf8 } from '../../../core/index.ts'
import { encodeFrame } from '../../../overlay/link/admission.ts'
import { signStatement } from '../../../overlay/link/statement.ts'
import { externalAad } from '../../../records/index.ts'
import { makeTestMesh } from '../../helpers/pki.ts'
import { exchangeSuite } from './exchange-suite.ts'
import { TCP_KIT } from './kits.ts'
import { dialTls, nothingLeft, readExactly, startNode } from './support.ts'

await exchangeSuite(TCP_KIT)

t.test('what a dialler sends right behind its last frame reaches libp2p', async (t) => {
  const mesh = await makeTestMesh({ nodes: ['good', 'bad'] })
  const bad = mesh.node('bad')
  const good = await startNode(mesh, 'good')
  t.teardown(() => good.libp2p.stop())
  const peer = await dialTls(good, bad)
  const diallerNonce = new Uint8Array(32).fill(9)
  peer.channel.send({ type: 'hello', nonce: diallerNonce })
  const { nonce: listenerNonce } = await peer.channel.expect('hello')
  const statement = { ...peer.facts, diallerNonce, listenerNonce }
  const aadItem = externalAad(mesh.mesh, mesh.root.certificate.fingerprint)
  peer.channel.send({
    type: 'statement',
    sign: await signStatement(statement, { keys: [bad.identityKey, bad.deviceKey], aadItem }),
  })
  await peer.channel.expect('statement')
  const hello = utf8('\x13/multistream/1.0.0\n')
  peer.socket.write(new Uint8Array([...encodeFrame({ type: 'admitted' }), ...hello]))
  t.same(await readExactly(peer.socket, hello.length), hello, 'libp2p answers')
  peer.socket.destroy()
  await nothingLeft(good)
})
