/**
 * TLS over streams that exist already. In: a stream and a context. Out: a socket whose handshake has ended, and the
 * certificates that the other side has shown; whom to believe is the caller's to say.
 */
export { acceptTls, connectTls, shownCertificates } from './handshake.ts'
