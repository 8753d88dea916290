import { constants } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { shownCertificates } from '../../core/tls/index.ts'
import { MAX_CHAIN_LENGTH } from '../../records/path/index.ts'

/** Group list of both ends: hybrid key exchange only, the strongest first. */
const GROUPS = 'SecP384r1MLKEM1024:X25519MLKEM768'

/** What both ends of the enrolment API ask of TLS: 1.3, hybrid key exchange, ML-DSA, no session tickets. */
export const TLS_OPTIONS = {
  minVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_256_GCM_SHA384',
  ecdhCurve: GROUPS,
  sigalgs: 'mldsa87:mldsa65',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const

/**
 * DER of the certificates that the other side has shown, leaf first, whose key it has proven to hold; of more than a
 * chain may have, one more.
 */
export function presentedChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  for (const { raw } of shownCertificates(socket)) {
    chain.push(raw)
    if (chain.length > MAX_CHAIN_LENGTH) break
  }
  return chain
}

/** What the server asks of TLS. Clients may show a certificate or none; each route judges for itself. */
export const SERVER_TLS = { ...TLS_OPTIONS, requestCert: true, rejectUnauthorized: false, ca: [] as string[] } as const
