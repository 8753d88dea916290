// The floor of the link: what a mesh would have without post-quantum cryptography and without admission.
import { constants } from 'node:crypto'
import { once } from 'node:events'
import { connect, createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { systemClock, systemRandom, toHex } from '../core/index.ts'
import { createNativeProvider, type SoftwareSigningKey } from '../crypto/index.ts'
import { basicConstraints } from '../enrollment/extensions.ts'
import { type CertificateContent, encodeName, encodePem, writeCertificate } from '../enrollment/index.ts'
import { EncryptedStream } from '../overlay/link/encrypted-stream.ts'
import { StreamDuplex } from '../overlay/link/stream-duplex.ts'

const ALPN = 'classical-bench'
const DAY_MS = 86_400_000

/** Certificates of one CA, PEM: its own, and one over each of the overlay keys. */
export interface ClassicalCertificates {
  readonly ca: string
  readonly leaves: readonly string[]
}

/** Makes an Ed25519 CA with certificates over `keys`. */
export async function classicalCertificates(keys: readonly SoftwareSigningKey[]): Promise<ClassicalCertificates> {
  const issuer = await createNativeProvider().generate('ed25519')
  const issue = async (key: SoftwareSigningKey) => {
    const nowMs = Math.floor(systemClock().now() / 1000) * 1000
    const content: CertificateContent = {
      serialNumber: systemRandom().bytes(8).with(0, 1),
      issuerName: encodeName('classical', 'CA'),
      subjectName: encodeName('classical', key === issuer ? 'CA' : toHex(key.publicKey.keyId)),
      notBeforeMs: nowMs - DAY_MS,
      notAfterMs: nowMs + DAY_MS,
      spki: key.publicKey.spki,
      extensions: [basicConstraints({ ca: key === issuer })],
    }
    return encodePem('CERTIFICATE', await writeCertificate(content, { main: issuer, alternative: undefined }))
  }
  return { ca: await issue(issuer), leaves: await Promise.all(keys.map(issue)) }
}

/**
 * Mutual TLS 1.3 with Ed25519 certificates over X25519, on the very streams of the mesh's link. The PeerId is the key of
 * the certificate; OpenSSL alone decides whether that certificate holds.
 */
export class ClassicalTls implements ConnectionEncrypter {
  readonly protocol = '/classical-bench/1'
  readonly #server: Server
  readonly #client: SecureContext

  constructor(own: { key: SoftwareSigningKey; certificate: string; ca: string }) {
    const context = {
      key: own.key.keyObject.export({ type: 'pkcs8', format: 'pem' }),
      cert: own.certificate,
      ca: own.ca,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_256_GCM_SHA384',
      ecdhCurve: 'X25519',
      sigalgs: 'ed25519',
      secureOptions: constants.SSL_OP_NO_TICKET,
    } as const
    this.#client = createSecureContext(context)
    this.#server = createServer({ ...context, requestCert: true, rejectUnauthorized: true, ALPNProtocols: [ALPN] })
  }

  async secureInbound(raw: MessageStream): Promise<SecuredConnection> {
    const secured = once(this.#server, 'secureConnection')
    this.#server.emit('connection', new StreamDuplex(raw, UNTAPPED))
    const [socket] = await secured
    return securedBy(raw, socket)
  }

  async secureOutbound(raw: MessageStream): Promise<SecuredConnection> {
    const socket = connect({
      socket: new StreamDuplex(raw, UNTAPPED),
      secureContext: this.#client,
      checkServerIdentity: () => undefined,
      ALPNProtocols: [ALPN],
    })
    await once(socket, 'secureConnect')
    return securedBy(raw, socket)
  }
}

const UNTAPPED = { received: () => {}, sent: () => {} }

function securedBy(raw: MessageStream, socket: TLSSocket): SecuredConnection {
  const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' })
  if (spki === undefined || !socket.authorized) throw new Error('the peer did not authenticate')
  const remotePeer = peerIdFromPublicKey(publicKeyFromRaw(spki.subarray(-32)))
  return { connection: new EncryptedStream(raw, socket), remotePeer }
}
