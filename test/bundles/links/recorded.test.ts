// Byte streams of another implementation, as docs/interop.md says how to make them.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { decodeBundle, payloadOf } from '../../../bundles/index.ts'
import { parseSocketAddress } from '../../../bundles/links/address.ts'
import { startMtcp, startTcpcl } from '../../../bundles/links/index.ts'
import { systemClock } from '../../../core/index.ts'
import { ROOT } from '../../helpers/sources.ts'
import { Recorder } from './support.ts'

const RECORDED = JSON.parse(readFileSync(join(ROOT, 'test/vectors/links/dtn7-rs-0.21.0.json'), 'utf8'))

for (const layer of ['tcpclv4', 'mtcp'] as const) {
  t.test(`what dtn7-rs sent over ${layer} is read`, async (t) => {
    const events = new Recorder()
    const dependencies = { clock: systemClock(), events }
    const options = { nodeId: 'dtn://gapmesh/', tls: 'refused', listen: ['0'] } as const
    const started = layer === 'mtcp' ? startMtcp({ listen: ['0'] }, dependencies) : startTcpcl(options, dependencies)
    const link = await started
    t.teardown(() => link.close())
    const socket = connect(parseSocketAddress(link.listening[0]!))
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    socket.write(Buffer.from(RECORDED[layer], 'hex'))
    await events.until(() => events.bundles.length === 1)
    const bundle = decodeBundle(events.bundles[0]!, { relaxed: true })
    t.equal(bundle.primary.destination, RECORDED.destination)
    t.equal(Buffer.from(payloadOf(bundle)).toString(), RECORDED.payload)
    t.equal(events.contacts[0]!.peer, layer === 'tcpclv4' ? 'dtn://other/' : 'dtn:none')
  })
}
