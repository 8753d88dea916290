import t from 'tap'
import { formatSocketAddress, networkOf, parseDestination, parseSocketAddress } from '../../../bundles/links/address.ts'

t.test('a port alone is on the loopback', async (t) => {
  t.same(parseSocketAddress('4556'), { host: '127.0.0.1', port: 4556 })
  t.same(parseSocketAddress('node.example:4556'), { host: 'node.example', port: 4556 })
  t.same(parseSocketAddress('[::1]:4556'), { host: '::1', port: 4556 })
  t.equal(formatSocketAddress({ host: '::1', port: 1 }), '[::1]:1')
  for (const wrong of ['', ':1', 'a:', '::1:4556', '[a]:1', 'a:65536', 'a b:1', '[127.0.0.1]:1', 'a:1:2']) {
    t.throws(() => parseSocketAddress(wrong), { code: 'BUNDLES_LINK_ADDRESS' }, wrong)
  }
})

t.test('a destination may name who is expected there', async (t) => {
  t.same(parseDestination('10.0.0.1:1'), { place: '10.0.0.1:1', endpoint: undefined })
  t.same(parseDestination('dtn://b.mesh/@10.0.0.1:1'), { place: '10.0.0.1:1', endpoint: 'dtn://b.mesh/' })
  t.same(parseDestination('/media/a@b'), { place: '/media/a@b', endpoint: undefined })
  t.throws(() => parseDestination('dtn:none@a:1'), { code: 'BUNDLES_LINK_ADDRESS' })
})

t.test('connections are counted by IPv4 address or /64 network', async (t) => {
  t.equal(networkOf('192.0.2.1'), '192.0.2.1')
  t.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1')
  t.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2')
  t.equal(networkOf('2001:db8::5'), networkOf('2001:db8::6:7'))
  t.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0')
  t.not(networkOf('2001:db8:0:1::1'), networkOf('2001:db8:0:2::1'))
})
