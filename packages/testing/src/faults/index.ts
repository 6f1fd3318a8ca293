export {
  type Applicant,
  claim,
  connectAnonymously,
  makeApplicant,
  makeApplicants,
  Operator,
  tokenId,
} from './clients.ts'
export { type Acknowledged, Oracle, type Receipt } from './oracle.ts'
export { freePort, type Place, PlatformProcess, type Ready } from './platform-process.ts'
export { Relay } from './relay.ts'
export { Seeded } from './seeded.ts'
