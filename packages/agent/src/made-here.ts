// A key that was made in this process signed nothing before that: a receiver that started earlier has seen all of it.

const made = new Map<string, number>()

/** Of the key with this did:key, Unix milliseconds; undefined where it was made elsewhere. */
export const madeHere = (did: string): number | undefined => made.get(did)

export function noteMade(did: string, at: number): void {
  made.set(did, at)
}
