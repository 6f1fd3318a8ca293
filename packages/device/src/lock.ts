import { randomBytes } from 'node:crypto'
import { closeSync, linkSync, openSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { Refused } from '@mintmark/core/errors'
import { isCode } from '@mintmark/elements'

/**
 * What one process at a time may do in a home: be its daemon or its sidecar, or exchange its certificate or key; or write
 * a journal, or send the readings of a queue.
 */
export type Purpose = 'daemon' | 'sidecar' | 'renewal' | 'journal' | 'readings'

export interface Lock {
  /** Once is enough, and again does nothing. */
  release(): void
}

/**
 * A lock that ends with the process, however that ends: a socket in the home on which the process listens.
 *
 * Whoever wants it puts up a socket of a name of its own, and only then looks at the others. Where one of them is
 * answered it gives up, so there are never two; what is not answered was left by a process that is gone, and is removed.
 * Two that come at the same moment may both give up, and try again.
 *
 * @throws Refused `home-in-use`
 */
export async function lockHome(directory: string, purpose: Purpose): Promise<Lock> {
  for (let tries = 1; ; tries++) {
    const lock = await tryLock(directory, purpose)
    if (lock) return lock
    if (tries === 4) throw new Refused('home-in-use', `${purpose}, ${directory}`)
    await new Promise(resolve => setTimeout(resolve, 20 + randomBytes(1)[0]!))
  }
}

async function tryLock(directory: string, purpose: Purpose): Promise<Lock | undefined> {
  const name = `.${purpose}-${randomBytes(4).toString('hex')}`
  const own = join(directory, name)
  const way = openWay(directory)
  let server: Server | undefined
  let isOver = false
  const release = (): void => {
    // The number of a closed descriptor is another file's by the second time.
    if (isOver) return
    isOver = true
    rmSync(own, { force: true })
    server?.close()
    way.close()
  }
  try {
    server = await listen(own, way.to(`${name}.new`))
    const others = readdirSync(directory).filter(each => isLock(each, purpose) && each !== name)
    const held = await Promise.all(others.map(each => isHeld(join(directory, each), way.to(each))))
    if (!held.includes(true)) return { release }
  } catch (error) {
    release()
    throw error
  }
  release()
  return undefined
}

const isLock = (name: string, purpose: Purpose): boolean => new RegExp(`^\\.${purpose}-[0-9a-f]{8}$`).test(name)

/**
 * A socket has its name before it listens, and would be taken for a dead one; so it gets the right name afterwards.
 * @param early where it is bound
 */
async function listen(path: string, early: string): Promise<Server> {
  const server = createServer(socket => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(early, resolve)
  })
  // Nothing waits on its account, and nothing that befalls it is anyone's affair.
  server.unref()
  server.on('error', () => undefined)
  try {
    linkSync(`${path}.new`, path)
  } catch (error) {
    server.close()
    throw error
  } finally {
    rmSync(`${path}.new`, { force: true })
  }
  return server
}

/** Whether a process listens there; the socket of one that is gone is removed, as its name is never used again. */
function isHeld(path: string, way: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(way)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', error => {
      const isGone = isCode(error, 'ECONNREFUSED', 'ENOENT')
      if (isGone) rmSync(path, { force: true })
      // Whatever else it is, a full queue say, somebody is there.
      resolve(!isGone)
    })
  })
}

/** unix(7): the path of a socket has at most 107 bytes. A longer one has a short way through the open directory. */
function openWay(directory: string): { to(name: string): string; close(): void } {
  if (process.platform !== 'linux') return { to: name => join(directory, name), close: () => undefined }
  const fd = openSync(directory, 'r')
  return { to: name => `/proc/self/fd/${fd}/${name}`, close: () => closeSync(fd) }
}
