export { exportFiles } from './export-files.ts'
export { checkDisclosed, checkMessageFact, type Disclosed, type MessageView, messageView } from './message.ts'
export {
  type Pinned,
  type ProofFile,
  type Proven,
  proofFileOf,
  proveFact,
  readProofFile,
  writeProofFile,
} from './proof-file.ts'
export { factInWords } from './words.ts'
