/** Object identifiers of our profile, dotted. */
export const oid = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2', // RFC 5758 3.2
  ed25519: '1.3.101.112', // RFC 8410 3
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14', // RFC 5280 4.2.1.2
  keyUsage: '2.5.29.15', // 4.2.1.3
  subjectAltName: '2.5.29.17', // 4.2.1.6
  basicConstraints: '2.5.29.19', // 4.2.1.9
  crlNumber: '2.5.29.20', // 5.2.3
  crlReason: '2.5.29.21', // 5.3.1
  nameConstraints: '2.5.29.30', // 4.2.1.10
  authorityKeyId: '2.5.29.35', // 4.2.1.1
  extendedKeyUsage: '2.5.29.37', // 4.2.1.12
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const
