import { defineErrors } from '../../core/index.ts'

/**
 * Errors of reading certificates and validating paths. `reject` is what every node of the mesh would refuse at any
 * time; what depends on the clock, on known revocations or on policy is `ignore`.
 */
export const PATH_ERRORS = defineErrors('records', {
  RECORDS_DER_TOO_LARGE: { message: 'the DER item is larger than its cap', action: 'reject' },
  RECORDS_DER_TRUNCATED: { message: 'the DER item ends too early', action: 'reject' },
  RECORDS_DER_LENGTH: { message: 'a DER length is indefinite, too long or not minimal', action: 'reject' },
  RECORDS_DER_TAG: { message: 'a DER tag is not the expected one', action: 'reject' },
  RECORDS_DER_TRAILING: { message: 'bytes follow where the DER item must end', action: 'reject' },
  RECORDS_DER_INTEGER: { message: 'a DER INTEGER is not minimal or out of bounds', action: 'reject' },
  RECORDS_DER_BOOLEAN: { message: 'a DER BOOLEAN is neither 00 nor FF, or encodes its default', action: 'reject' },
  RECORDS_DER_OID: { message: 'a DER OBJECT IDENTIFIER is malformed', action: 'reject' },
  RECORDS_DER_BITS: { message: 'a DER BIT STRING is malformed', action: 'reject' },
  RECORDS_DER_STRING: { message: 'a DER character string is malformed or out of bounds', action: 'reject' },
  RECORDS_DER_TIME: { message: 'a DER time is malformed (RFC 5280 §4.1.2.5)', action: 'reject' },
  RECORDS_DER_SET_ORDER: { message: 'the elements of a DER SET are not in order', action: 'reject' },

  RECORDS_CERT_TOO_LARGE: { message: 'the certificate is larger than its cap', action: 'reject' },
  RECORDS_CERT_VERSION: { message: 'the certificate is not of version 3', action: 'reject' },
  RECORDS_CERT_SERIAL: { message: 'the serial number is not positive or longer than 20 bytes', action: 'reject' },
  RECORDS_CERT_ALGORITHM: { message: 'the certificate uses an algorithm that is not used here', action: 'reject' },
  RECORDS_CERT_ALGORITHM_MISMATCH: {
    message: 'the signed and the outer signature algorithm differ',
    action: 'reject',
  },
  RECORDS_CERT_SIGNATURE_FORMAT: { message: 'a signature value is malformed', action: 'reject' },
  RECORDS_CERT_NAME: { message: 'an issuer or subject name is malformed or too long', action: 'reject' },
  RECORDS_CERT_VALIDITY: { message: 'the validity period ends before it begins', action: 'reject' },
  RECORDS_CERT_KEY: { message: 'a public key is malformed', action: 'reject' },
  RECORDS_CERT_EXTENSION_COUNT: { message: 'the certificate has no or too many extensions', action: 'reject' },
  RECORDS_CERT_EXTENSION_DUPLICATE: { message: 'an extension appears twice', action: 'reject' },
  RECORDS_CERT_EXTENSION_CRITICAL: { message: 'an unknown extension is critical', action: 'reject' },
  RECORDS_CERT_EXTENSION_CRITICALITY: {
    message: 'an extension is critical that must not be, or the other way round',
    action: 'reject',
  },
  RECORDS_CERT_EXTENSION_VALUE: { message: 'the value of an extension is outside the profile', action: 'reject' },
  RECORDS_CERT_KEY_ID: { message: 'a key identifier is missing or is not the SHA-256 of its key', action: 'reject' },
  RECORDS_CERT_ALTERNATIVE: {
    message: 'of the alternative signature algorithm and value only one is present',
    action: 'reject',
  },

  RECORDS_PATH_TOO_SHORT: { message: 'the path holds no certificate below the root', action: 'reject' },
  RECORDS_PATH_TOO_LONG: { message: 'the path holds too many certificates', action: 'reject' },
  RECORDS_PATH_REPEATED: { message: 'the path holds a certificate twice', action: 'reject' },
  RECORDS_PATH_ROOT: {
    message: 'the path does not end in the root of this mesh',
    hint: 'Compare the root fingerprints of both sides with: gapmesh status',
    action: 'reject',
  },
  RECORDS_PATH_NAME_CHAIN: { message: 'an issuer name is not the subject name above it', action: 'reject' },
  RECORDS_PATH_KEY_ID: { message: 'an authority key identifier is not the key above it', action: 'reject' },
  RECORDS_PATH_NOT_CA: { message: 'a certificate that is no CA has issued another', action: 'reject' },
  RECORDS_PATH_LENGTH: { message: 'a CA has issued further CAs beyond its path length', action: 'reject' },
  RECORDS_PATH_LEAF_IS_CA: { message: 'the leaf certificate is a CA', action: 'reject' },
  RECORDS_PATH_KEY_USAGE: { message: 'a key usage does not allow what the key is used for', action: 'reject' },
  RECORDS_PATH_EXTENDED_KEY_USAGE: {
    message: 'an extended key usage does not allow what the leaf is used for',
    action: 'reject',
  },
  RECORDS_PATH_SUBJECT_NAME: {
    message: 'the alternative names are not those of a member of this mesh',
    action: 'reject',
  },
  RECORDS_PATH_NAME_CONSTRAINT: { message: 'a name lies outside the constraints of a CA above it', action: 'reject' },
  RECORDS_PATH_ROLE: { message: 'the roles do not allow what the leaf is used for', action: 'reject' },
  RECORDS_PATH_DEVICE_KEY: { message: 'the leaf certificate names no device key', action: 'reject' },
  RECORDS_PATH_OVERLAY_KEY: {
    message: 'the overlay key is missing, or its signature over the subject key is wrong',
    action: 'reject',
  },
  RECORDS_PATH_REVOKED: {
    message: 'a certificate of the path is revoked',
    hint: 'The node must be enrolled again with a new token.',
    action: 'ignore',
  },
  RECORDS_PATH_NOT_YET_VALID: {
    message: 'a certificate of the path is not valid yet',
    hint: 'Is the clock of this machine right?',
    action: 'ignore',
  },
  RECORDS_PATH_EXPIRED: {
    message: 'a certificate of the path has expired',
    hint: 'Renew the certificate, or check the clock of this machine.',
    action: 'ignore',
  },
  RECORDS_PATH_HALF_MISSING: {
    message: 'a certificate lacks the signature half that the policy asks for',
    action: 'ignore',
  },
  RECORDS_PATH_SIGNATURE: { message: 'a post-quantum signature in the path is wrong', action: 'reject' },
  RECORDS_PATH_ALTERNATIVE_SIGNATURE: { message: 'a classical signature in the path is wrong', action: 'reject' },
})
