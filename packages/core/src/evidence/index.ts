export { exportFiles } from './export-files.ts'
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
