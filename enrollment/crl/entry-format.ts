import { der, derOid, derSequence, OID, TAG } from '../../records/path/index.ts'

/**
 * revokedCertificates (RFC 5280 §5.1.2.6), as far as gapmesh uses it. Extensions in this order where they are written,
 * in any where they are read:
 *
 *     SEQUENCE OF                                         ascending serial numbers, each once; absent when empty
 *       SEQUENCE
 *         INTEGER serialNumber                            1 to 20 bytes
 *         Time revocationDate
 *         SEQUENCE OF Extension                           absent when empty; none critical
 *           reasonCode      2.5.29.21      ENUMERATED     absent: unspecified
 *           invalidityDate  2.5.29.24      GeneralizedTime
 *           revokedKeyHash  2.25.….1       OCTET STRING   32 bytes
 */

/** An extension up to the bytes that change, which come last. */
export interface EntryExtension {
  /** Content of the OBJECT IDENTIFIER. */
  readonly oid: Uint8Array
  /** The whole Extension with zeroes where the value goes. */
  readonly template: Uint8Array
  readonly valueBytes: number
}

export const REASON_CODE: EntryExtension = extension(OID.reasonCode, der(TAG.enumerated, new Uint8Array(1)), 1)
export const INVALIDITY_DATE: EntryExtension = extension(
  OID.invalidityDate,
  der(TAG.generalizedTime, new Uint8Array(15)),
  15,
)
export const KEY_HASH: EntryExtension = extension(OID.revokedKeyHash, der(TAG.octetString, new Uint8Array(32)), 32)

function extension(dotted: string, value: Uint8Array, valueBytes: number): EntryExtension {
  const oid = derOid(dotted)
  return { oid: oid.subarray(2), template: derSequence(oid, der(TAG.octetString, value)), valueBytes }
}
