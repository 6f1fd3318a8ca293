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
export { configTargets, effectiveText, mergePatch, readConfigTarget, writeConfiguration } from './configuration.ts'
export {
  checkSuccession,
  decideEnrollment,
  decideOwn,
  decideRenewal,
  decideReplay,
  decideSuccession,
  enrolled,
  type Grant,
  type Issuance,
  introduced,
  isGrant,
  lifetime,
  renewed,
} from './enrollment.ts'
export { type Access, decideEntry, decideNoticeEntry, decideScope, useOf } from './gate.ts'
export {
  type LabelChange,
  type Labels,
  labelBounds,
  labelsOf,
  readLabel,
  readLabelChange,
  readLabelText,
  relabel,
  writeLabel,
  writeLabelChange,
  writeLabels,
} from './labels.ts'
export { messagePace, readMessagesPerMinute } from './message-pace.ts'
export {
  type Act,
  checkGiven,
  decideAct,
  decideGrants,
  type Grants,
  mayAct,
  mayDoEverything,
  type OperatorRole,
  operatorRoles,
  readGrants,
  visibleGrants,
  writeGrants,
} from './operator.ts'
export {
  checkReplacement,
  checkReplay,
  checkSpend,
  type Permit,
  permitBounds,
  readCovered,
  readTtl,
  readUses,
  replayGrace,
} from './permit.ts'
export { checkPace, pace, readLateRenewal } from './renewal.ts'
export { noRights, type Rights, readRights, rightsBounds, sameRights } from './rights.ts'
export { compileScopes, readScope, readScopeGrant, type ScopeMatcher, scopeBounds } from './scope.ts'
export {
  checkStanding,
  checkTransition,
  type RegistryRecord,
  reachesTier,
  readTier,
  type Standing,
  type Tier,
  weakerTier,
} from './standing.ts'
