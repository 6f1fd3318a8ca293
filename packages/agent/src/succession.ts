// Loaded when a key changes: few who send messages need it.
export { claimedSigner, readDidSuccession, signDidSuccession } from '@mintmark/core/signed'
