export {
  type Answered,
  type Answering,
  answerBytes,
  answerFile,
  confirmationOf,
  type ShownRequest,
  type Signer,
  showRequest,
} from './answer.ts'
export { describeRoot, fingerprint, type RootDescription } from './describe-root.ts'
export { createRoot, type NewRoot, openRoot, type Root, type RootPorts, readRoot } from './keys.ts'
export { type RehearsalSigner, rehearsalSigner, rehearse } from './rehearsal.ts'
export { readTranscript, type Transcript } from './transcript.ts'
