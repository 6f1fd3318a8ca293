import { Refused } from '@mintmark/core/errors'

/** How long a store that others run may take. Milliseconds. */
const patience = 2_000

/**
 * An answer, or `unavailable` where it fails or does not come in time. What comes later is not looked at: it may have
 * spent something, and then nobody has received it.
 */
export async function inTime<T>(asked: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Refused('unavailable', 'the nonce store is silent')), patience)
  })
  try {
    return await Promise.race([asked, late])
  } catch (error) {
    if (error instanceof Refused) throw error
    throw new Refused('unavailable', error instanceof Error ? error.message : 'the nonce store', { cause: error })
  } finally {
    clearTimeout(timer)
  }
}
