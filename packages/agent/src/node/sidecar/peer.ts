import type { Socket } from 'node:net'

/** What is used of the package `koffi`. */
export interface Koffi {
  load(library: null): { func(prototype: string): (...args: readonly unknown[]) => unknown }
}

/** Whose process is at the other end of a Unix socket; undefined where that cannot be known. */
export type PeerUid = (socket: Socket) => number | undefined

/** Asks the kernel (SO_PEERCRED, unix(7)), which Node does not. Linux alone says so this way. */
export function peerUid(koffi: Koffi): PeerUid {
  if (process.platform !== 'linux') return () => undefined
  const getsockopt = koffi
    .load(null)
    .func('int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)')
  return socket => {
    const { fd } = (socket as { _handle?: { fd?: unknown } })._handle ?? {}
    if (!Number.isSafeInteger(fd) || (fd as number) < 0) return undefined
    // struct ucred: pid, uid, gid.
    const credentials = new Uint8Array(12)
    const length = [credentials.length]
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0 || length[0] !== 12) return undefined
    const [pid, uid] = new Uint32Array(credentials.buffer)
    // What is no Unix socket has no process at its end.
    return pid === 0 ? undefined : uid
  }
}

const [SOL_SOCKET, SO_PEERCRED] = [1, 17]
