import { type Code, Refused } from '@mintmark/core/errors'
import { removeTornWrites } from '@mintmark/elements'
import { exists, file, type Home, leafOf, readHome } from './home.ts'
import { connect } from './https.ts'
import { type Lock, lockHome } from './lock.ts'
import { dropNext, finishNext, type Next, readNext, takeNext } from './next.ts'
import { fields } from './reply.ts'

/**
 * The home, after whatever an interrupted renewal left in it was finished or undone.
 * @throws Refused where something is left that only the platform can decide, and it does not
 */
export async function openHome(directory: string, now: () => number): Promise<Home> {
  const left = (['nextKey', 'nextCertificate'] as const).some(name => exists(file(directory, name)))
  if (!left) return readHome(directory)
  let lock: Lock
  try {
    lock = await lockHome(directory, 'renewal')
  } catch (error) {
    // Whoever is at it finishes it.
    if (error instanceof Refused && error.code === 'home-in-use') return readHome(directory)
    throw error
  }
  try {
    return await settle(directory, now)
  } finally {
    lock.release()
  }
}

/** For whoever has the lock for renewals. */
export async function settle(directory: string, now: () => number): Promise<Home> {
  // Copies of a private key, it may be. Not of this moment: a daemon may be writing its configuration.
  removeTornWrites(directory, now() - 60_000)
  finishNext(directory)
  const home = readHome(directory)
  const next = readNext(home)
  if (next === undefined) return home
  await decide(home, next, now)
  return readHome(directory)
}

/** It answers, so it is taken; or the platform says that it is nothing any more. */
async function decide(home: Home, next: Next, now: () => number): Promise<void> {
  try {
    await tryOut(home, next, now)
  } catch (error) {
    if (!(error instanceof Refused) || undecided.has(error.code)) throw error
    // The one that is in its place is as good as before.
    if (!next.isNewKey) return dropNext(home, next)
    if (error.code === 'key-superseded') return dropNext(home, next)
    if (error.code !== 'certificate-expired') throw error
    // It slept on the way: which of the two keys is the current one, the other one is told.
    if (!(await isSuperseded(home, now))) return dropNext(home, next)
  }
  takeNext(home, next)
}

/** What says nothing about a certificate. */
const undecided: ReadonlySet<Code> = new Set<Code>([
  'unreachable',
  'server-not-proven',
  'slow-down',
  'unavailable',
  'broken',
])

/** A real connection with what is next, and the platform's word that it is this very certificate. */
export async function tryOut({ url, anchor, identity }: Home, next: Next, now: () => number): Promise<void> {
  const { certificate, keyFile } = next
  const platform = connect({ url, anchor, identity: { certificate, key: keyFile }, now })
  try {
    const me = fields((await platform.get('/v1/me')).body)
    const isNext = me.identity === identity && me.serial === leafOf(certificate).serial
    if (!isNext) throw new Refused('reply-refused', 'the new certificate is not the one that the platform sees')
  } finally {
    platform.close()
  }
}

async function isSuperseded({ url, anchor, certificate, keyFile }: Home, now: () => number): Promise<boolean> {
  const platform = connect({ url, anchor, identity: { certificate, key: keyFile }, now })
  try {
    await platform.get('/v1/me')
    return false
  } catch (error) {
    if (!(error instanceof Refused) || undecided.has(error.code)) throw error
    return error.code === 'key-superseded'
  } finally {
    platform.close()
  }
}
