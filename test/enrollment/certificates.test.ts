import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { SimulatedRandom } from '../../core/index.ts'
import { randomSerialNumber } from '../../enrollment/certificate-writer.ts'
import {
  issueIssuingCa,
  issueNodeCertificate,
  issueRoot,
  issueServerCertificate,
} from '../../enrollment/certificates.ts'
import { makeTestMesh } from '../helpers/pki.ts'

const DAY_MS = 24 * 3600 * 1000
const pki = await makeTestMesh({ mesh: 'north-grid', nodes: ['alpha', 'beta'] })
await pki.addNode({ nodeId: 'below', issuer: await pki.makeIssuingCa(), identitySuite: 'ml-dsa-65' })
await pki.addNode({ nodeId: 'stranger', flaw: 'other-root' })

/** A mutual TLS 1.3 handshake on the loopback; what each side saw of the other. */
async function handshake(t: Test, serverId: string, clientId: string) {
  const optionsOf = (nodeId: string): SecureContextOptions & { rejectUnauthorized: boolean } => ({
    ca: pki.rootPem,
    cert: pki.node(nodeId).chainPem,
    key: pki.node(nodeId).keyPem,
    minVersion: 'TLSv1.3',
    ecdhCurve: 'SecP384r1MLKEM1024',
    rejectUnauthorized: false,
  })
  const server = createServer({ ...optionsOf(serverId), requestCert: true })
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const socket = connect({ ...optionsOf(clientId), port, servername: `${serverId}.north-grid` })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  const [atServer] = await accepted
  t.teardown(() => atServer.destroy())
  return {
    server: { authorized: socket.authorized, der: socket.getPeerX509Certificate()?.raw },
    client: {
      authorized: atServer.authorized,
      reason: String(atServer.authorizationError),
      der: atServer.getPeerX509Certificate()?.raw,
    },
    cipher: socket.getCipher().name,
  }
}

t.test('node certificates pass mutual TLS 1.3 with the root alone as trust', async (t) => {
  for (const [server, client] of [
    ['alpha', 'beta'],
    ['beta', 'below'],
    ['below', 'alpha'],
  ] as const) {
    const seen = await handshake(t, server, client)
    t.ok(seen.client.authorized && seen.server.authorized, `${client} to ${server}`)
    t.strictSame(new Uint8Array(seen.client.der!), pki.node(client).certificate.der)
    t.strictSame(new Uint8Array(seen.server.der!), pki.node(server).certificate.der)
    t.equal(seen.cipher, 'TLS_AES_256_GCM_SHA384')
  }
  const { client } = await handshake(t, 'alpha', 'stranger')
  t.match(client, { authorized: false, reason: /SELF_SIGNED/ })
})

t.test('validity: backdated, by default seven days and ten years, never beyond the issuer', async (t) => {
  const nowMs = Date.UTC(2026, 0, 1)
  const { keys } = pki.root
  const root = await issueRoot({ mesh: 'm', nowMs, keys }, pki)
  t.equal(root.certificate.notBeforeMs, nowMs - 5 * 60_000)
  t.equal(root.certificate.notAfterMs, nowMs + 3653 * DAY_MS)
  const { identityKey, deviceKey, certificate } = pki.node('alpha')
  const member = {
    spki: identityKey.publicKey.spki,
    altSpki: deviceKey.publicKey.spki,
    overlayKey: certificate.overlayKey!,
  }
  const common = { mesh: 'm', issuer: root, keys: member, nodeId: 'alpha', roles: ['node'] as const }
  const leaf = await issueNodeCertificate({ ...common, nowMs }, pki)
  t.equal(leaf.notAfterMs, nowMs + 7 * DAY_MS)
  const lateMs = root.certificate.notAfterMs - DAY_MS
  const late = await issueNodeCertificate({ ...common, nowMs: lateMs }, pki)
  t.equal(late.notAfterMs, root.certificate.notAfterMs)
  const issuingCa = await issueIssuingCa({ mesh: 'm', nowMs: lateMs, issuer: root, keys }, pki)
  t.equal(issuingCa.certificate.notAfterMs, root.certificate.notAfterMs)
  const server = await issueServerCertificate({ ...common, label: 'ca', nowMs: nowMs + 999, lifetimeMs: DAY_MS }, pki)
  t.equal(server.notAfterMs, nowMs + DAY_MS, 'whole seconds')
})

t.test('a root beyond 2049 changes to GeneralizedTime', async (t) => {
  const nowMs = Date.UTC(2045, 0, 1)
  const root = await issueRoot({ mesh: 'm', nowMs, keys: pki.root.keys }, pki)
  t.equal(new Date(root.certificate.notAfterMs).getUTCFullYear(), 2055)
})

t.test('serial numbers are positive, of 20 bytes and different', (t) => {
  const random = new SimulatedRandom(1)
  const serials = Array.from({ length: 200 }, () => randomSerialNumber(random))
  t.ok(serials.every((serial) => serial.length === 20 && serial[0]! > 0 && serial[0]! < 0x80))
  t.equal(new Set(serials.map(String)).size, 200)
  t.end()
})
