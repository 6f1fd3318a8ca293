export {
  type Applicant,
  certified,
  claim,
  connectAnonymously,
  connectAs,
  type Enrolled,
  makeApplicant,
  makeApplicants,
  nameOf,
  Operator,
  renewOver,
  tokenId,
} from './clients.ts'
export { chooseSeed, count, type Fault, type FaultName, faults, variableOf } from './counts.ts'
export { DaemonProcess, type Said } from './daemon-process.ts'
export {
  type BudgetAnswer,
  type BudgetAsked,
  budget,
  History,
  isLinearizable,
  type Model,
  type Operation,
  type StandingAnswer,
  type StandingAsked,
  standing,
} from './history.ts'
export { Load, type LoadOptions } from './load.ts'
export { type Acknowledged, Oracle, type Receipt, type Told } from './oracle.ts'
export { compiled, freePort, type Place, PlatformProcess, type Ready } from './platform-process.ts'
export { type Point, points } from './points.ts'
export { OverSockets, type Reach } from './reach.ts'
export { Relay } from './relay.ts'
export { Seeded } from './seeded.ts'
export { type Loss, type Outcome, Tally } from './tally.ts'
