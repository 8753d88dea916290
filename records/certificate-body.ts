/**
 * Body of a certificate record: the chain under which its origin signs from now on, told under the certificate that it
 * leaves, so that others know the new one before its records come.
 *
 *     81 .. 83                     1 to 3 certificates, leaf first, without the root
 *       bytes                        DER
 */
import { CborReader, encodeCbor, type GapmeshError } from '../core/index.ts'
import { RECORDS_ERRORS } from './errors.ts'
import { MAX_CERTIFICATE_BYTES, MAX_CHAIN_LENGTH } from './path/index.ts'

function malformed(what: string): GapmeshError {
  return RECORDS_ERRORS.create('RECORDS_BODY_MALFORMED', { detail: what, metadata: { what } })
}

/**
 * The body of a certificate record.
 * @param chain DER, leaf first, without the root
 * @throws RECORDS_BODY_MALFORMED when {@link decodeCertificateBody} would refuse the result
 */
export function encodeCertificateBody(chain: readonly Uint8Array[]): Uint8Array {
  const body = encodeCbor([...chain])
  decodeCertificateBody(body)
  return body
}

/**
 * The chain in a certificate record, DER, leaf first; whether it holds is for a path to say. Views into `body`.
 * @throws RECORDS_BODY_MALFORMED
 */
export function decodeCertificateBody(body: Uint8Array): readonly Uint8Array[] {
  const reader = new CborReader(body, malformed)
  const chain: Uint8Array[] = []
  for (let left = reader.array('chain', { min: 1, max: MAX_CHAIN_LENGTH - 1 }); left > 0; left -= 1) {
    chain.push(reader.bytes('certificate', { min: 1, max: MAX_CERTIFICATE_BYTES }))
  }
  reader.end('end of the body')
  return chain
}
