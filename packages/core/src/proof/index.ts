export { type Identity, type IssuingAuthority, isIdentity, type PeerProof, provePeer } from './identity.ts'
export { checkAnchor, checkAuthority, checkLeaf } from './path.ts'
export { type Anonymous, anonymous, isPermitHolder, type PermitHolder, provePermit } from './permit-holder.ts'
export { isAnchor, proveServer } from './server.ts'
