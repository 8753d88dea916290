import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDirectories, startMtcp, startStcp, startTcpcl } from '../../../bundles/links/index.ts'
import { SimulatedClock, systemClock } from '../../../core/index.ts'
import { makeTestMesh } from '../../helpers/pki.ts'
import { isOneWay, runLinkSuite, type Subject } from './links-suite.ts'
import { opaque, Recorder, securityOf } from './support.ts'

const clock = systemClock()
const mesh = await makeTestMesh({ nodes: ['near', 'far'] })
const NODES = { near: 'dtn://near.test-mesh/', far: 'dtn://far.test-mesh/' }

const tcpcl = (name: string, tls: 'required' | 'refused'): Subject => ({
  name,
  layer: 'tcpclv4',
  confirmed: true,
  authenticated: tls === 'required',
  ordered: true,
  start: async (_t, events, maxBundleBytes) => {
    const start = (node: 'near' | 'far', listen: string[]) =>
      startTcpcl(
        { nodeId: NODES[node], tls, listen, maxBundleBytes },
        { clock, events: events[node], security: securityOf(mesh, mesh.node(node)) },
      )
    const [near, far] = [await start('near', []), await start('far', ['0'])]
    return { near, far, address: far.listening[0]! }
  },
})

const framed = (layer: 'mtcp' | 'stcp', start: typeof startMtcp): Subject => ({
  name: layer,
  layer,
  confirmed: false,
  authenticated: false,
  ordered: true,
  start: async (_t, events, maxBundleBytes) => {
    const near = await start({ maxBundleBytes }, { clock, events: events.near })
    const far = await start({ maxBundleBytes, listen: ['0'] }, { clock, events: events.far })
    return { near, far, address: far.listening[0]! }
  },
})

const directory: Subject = {
  name: 'directory',
  layer: 'directory',
  confirmed: false,
  authenticated: false,
  ordered: false,
  start: async (t, events, maxBundleBytes) => {
    const path = join(t.testdir(), 'stick')
    mkdirSync(path)
    const simulated = new SimulatedClock()
    const near = await startDirectories({ maxBundleBytes }, { clock: simulated, events: events.near })
    const far = await startDirectories(
      { maxBundleBytes, inboxes: [path], pollMs: 1000 },
      { clock: simulated, events: events.far },
    )
    const pass = async () => {
      await simulated.advance(1000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return { near, far, address: path, pass }
  },
}

const subjects = [
  tcpcl('tcpclv4 plain', 'refused'),
  tcpcl('tcpclv4 TLS', 'required'),
  framed('mtcp', startMtcp),
  framed('stcp', startStcp),
  directory,
]
for (const subject of subjects) runLinkSuite(t, subject)

for (const [name, start] of [
  ['mtcp', startMtcp],
  ['stcp', startStcp],
] as const) {
  t.test(`${name}: who listens only receives`, async (t) => {
    const [near, far] = [new Recorder(), new Recorder()]
    const subject = framed(name, start)
    const pair = await subject.start(t as Test, { near, far }, 1000)
    t.teardown(() => Promise.all([pair.near.close(), pair.far.close()]))
    const contact = await pair.near.connect(`dtn://far/@${pair.address}`)
    t.equal(contact.peer, 'dtn://far/', 'what the operator says')
    await contact.send(opaque(1))
    await far.until(() => far.bundles.length === 1)
    t.equal(far.contacts[0]!.peer, 'dtn:none')
    await isOneWay(t as Test, far.contacts[0]!)
  })
}
