import { lstatSync, realpathSync, rmSync, type Stats, statSync } from 'node:fs'
import { connect } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { Refused } from '@mintmark/core/errors'

/**
 * Where a socket may be put: in a directory that nobody else can write, below directories that nobody else can exchange.
 * What a sidecar that is gone has left there is removed.
 * @returns the path without symbolic links
 * @throws Refused `socket-exposed`, `file-exists`, `address-in-use`, `bad-request`
 */
export async function provideSocketPlace(path: string, uid: number): Promise<string> {
  const directory = realpathSync(dirname(path))
  const place = join(directory, basename(path))
  // sun_path of unix(7), with its end.
  if (Buffer.byteLength(place) > 107)
    throw new Refused('bad-request', `a path of a socket has 107 bytes at most: ${place}`)
  checkDirectories(directory, uid)
  const there = lstatSync(place, { throwIfNoEntry: false })
  if (!there) return place
  if (!there.isSocket() || there.uid !== uid) throw new Refused('file-exists', place)
  if (await answers(place)) {
    throw new Refused('address-in-use', place, { hint: 'end the other one, or choose another --socket' })
  }
  rmSync(place)
  return place
}

function checkDirectories(directory: string, uid: number): void {
  for (let at = directory; ; at = dirname(at)) {
    const stats = statSync(at)
    const isOurs = stats.uid === uid || stats.uid === 0
    if (!isOurs || !(isClosed(stats) || (at !== directory && isSticky(stats)))) throw new Refused('socket-exposed', at)
    if (at === dirname(at)) return
  }
}

/** Nobody but its owner writes there. */
const isClosed = ({ mode }: Stats): boolean => (mode & 0o022) === 0

/** Others write there, and cannot exchange what is not theirs, as in /tmp. */
const isSticky = ({ mode }: Stats): boolean => (mode & 0o1000) !== 0

const answers = (place: string): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(place)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
