export { answerRequest, type CeremonyAnswer, readCeremonyAnswer, signRoot } from './answer.ts'
export {
  type AuthorityItem,
  authorityTitle,
  type CeremonyItem,
  type CeremonyRequest,
  type CharterItem,
  describeRequest,
  readCeremonyRequest,
  writeCeremonyRequest,
} from './request.ts'
export { digestWords } from './words.ts'
