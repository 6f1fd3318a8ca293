// For whoever is shown a proof of a journal's entry, on every runtime.
export type { JournalEntry } from './entry.ts'
export { type ProvenEntry, proveJournalEntry } from './proof.ts'
