import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Disks of their own, small and in memory, which can be filled.

export function mount(size: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { stdio: 'ignore' })
    return directory
  } catch (error) {
    rmSync(directory, { recursive: true })
    throw error
  }
}

export function unmount(directory: string): void {
  execFileSync('umount', [directory])
  rmSync(directory, { recursive: true })
}

export function canMount(): boolean {
  try {
    unmount(mount('1m'))
    return true
  } catch {
    return false
  }
}

/** Byte by byte at the end, so that not a page is left. */
export function fill(ballast: string): void {
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    while (grew(ballast, size));
  }
}

function grew(path: string, by: number): boolean {
  const before = existsSync(path) ? statSync(path).size : 0
  try {
    writeFileSync(path, Buffer.alloc(by), { flag: 'a' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
  return statSync(path).size === before + by
}
