export { type Certificate, readCertificate, sameCertificate } from './certificate.ts'
export { type Charter, readCharter, signCharter } from './charter.ts'
export { crlReason, type Revocation, type RevocationList, readRevocationList, signRevocationList } from './crl.ts'
export {
  type DecommissionConfirmation,
  type DecommissionNotice,
  readDecommissionConfirmation,
  readDecommissionNotice,
  signDecommissionConfirmation,
  signDecommissionNotice,
} from './decommission.ts'
export { type DidSuccession, readDidSuccession, signDidSuccession } from './did-succession.ts'
export {
  type EncryptionKey,
  encryptionKeyId,
  longestEncryptionKey,
  readEncryptionKey,
  type SealSuite,
  sealSuite,
  signEncryptionKey,
} from './encryption-key.ts'
export {
  type Claims,
  type Envelope,
  longestEnvelope,
  type Once,
  readEnvelope,
  type Sealed,
} from './envelope.ts'
export { isAudience, isNamed, shortIdOf } from './envelope-claims.ts'
export { writeCoseEnvelope } from './envelope-cose.ts'
export { writeJwsEnvelope } from './envelope-jws.ts'
export { type AltNames, type Extensions, keyUsage, type NameConstraints } from './extensions.ts'
export { type Message, readEnvelopeOrMessage, readMessage, saltLength, writeMessage } from './message.ts'
export { oid } from './oid.ts'
export {
  type AuthorityRequest,
  type CertificateRequest,
  certificateToSign,
  commonName,
  type Issuer,
  keyIdentifier,
  type LeafRequest,
  type RootRequest,
  signCertificate,
} from './profile.ts'
export {
  readDisclosure,
  readSealedBody,
  type SealedBody,
  type SealedWith,
  sealInfo,
  sealOverhead,
  writeSealedBody,
} from './sealed-body.ts'
export { checkPossession, readSigningRequest, type SigningRequest, signSigningRequest } from './signing-request.ts'
export { claimedSigner, readStatement, type StatementKind, signStatement } from './statement.ts'
export { type KeySuccession, readKeySuccession, signKeySuccession } from './succession.ts'
export { type EnrollmentToken, readToken, writeToken } from './token.ts'
