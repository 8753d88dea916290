/** Object identifiers of certificates, requests and revocation lists, dotted. */
export const OID = {
  commonName: '2.5.4.3',
  organizationName: '2.5.4.10',

  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  cRLNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  deltaCRLIndicator: '2.5.29.27',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',

  /** X.509 (10/2019) §9.8. */
  subjectAltPublicKeyInfo: '2.5.29.72',
  altSignatureAlgorithm: '2.5.29.73',
  altSignatureValue: '2.5.29.74',

  /** SignedKey of the libp2p TLS specification. */
  overlaySignedKey: '1.3.6.1.4.1.53594.1.1',
  /** gapmesh roles: SEQUENCE OF UTF8String. The arc is UUID 88ceb4d9-b389-4774-a337-a42f37881715 under 2.25 (X.667). */
  roles: '2.25.181848288661410433137344228014607046421',
  /** Entry of a revocation list: OCTET STRING, SHA-256 of the SPKI of the revoked certificate. */
  revokedKeyHash: '2.25.181848288661410433137344228014607046421.1',
  /** Revocation list: SEQUENCE { INTEGER epoch, OCTET STRING SHA-256 of the pseudonym key }. */
  pseudonymEpoch: '2.25.181848288661410433137344228014607046421.2',

  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  /** id-kp-bundleSecurity (RFC 9174 §4.4.2). */
  bundleSecurity: '1.3.6.1.5.5.7.3.35',
  /** id-on-bundleEID, an otherName with the endpoint of a node (RFC 9174 §4.4.2). */
  bundleEndpoint: '1.3.6.1.5.5.7.8.11',
} as const
