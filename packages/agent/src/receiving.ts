// For whoever receives with parts of its own, such as the platform: the same checks in the same order.
export { type Audiences, type CheckParts, checkBody, checkEnvelope, checkSender, checkTime } from './check.ts'
export { keptUntil, window } from './nonces/nonce-store.ts'
export { Sequences, sequenceWindow } from './nonces/sequences.ts'
export { Receiver } from './receiver.ts'
