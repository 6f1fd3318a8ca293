export { aboutOf } from './about.ts'
export {
  Change,
  type ChangeBody,
  type ChangeKind,
  change,
  changeKinds,
  isChange,
  isOfKind,
  readChange,
  readReason,
} from './change.ts'
export {
  decideEnrollment,
  decideOwn,
  decideRenewal,
  decideReplay,
  enrolled,
  type Grant,
  type Issuance,
  isGrant,
  lifetime,
  renewed,
} from './enrollment.ts'
export { type Access, decideEntry } from './gate.ts'
export {
  checkReplay,
  checkSpend,
  type Permit,
  permitBounds,
  readCovered,
  readTtl,
  readUses,
  replayGrace,
} from './permit.ts'
export {
  checkStanding,
  checkTransition,
  type RegistryRecord,
  reachesTier,
  readTier,
  type Standing,
  type Tier,
} from './standing.ts'
