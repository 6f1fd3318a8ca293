export { type Koffi, type PeerUid, peerUid } from './peer.ts'
export type { Identity } from './requests.ts'
export { provideSecret } from './secret.ts'
export { openSidecar, type Sidecar, type SidecarOptions } from './sidecar.ts'
