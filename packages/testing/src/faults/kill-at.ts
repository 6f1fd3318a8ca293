import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

// Loaded before a program (`node --import`): ends the process with SIGKILL in place of its n-th call that changes a file,
// with n from MINTMARK_KILL_AT. So the program is cut short between any two of them and knows nothing of it.

const changing = [
  'fchmodSync',
  'fsyncSync',
  'linkSync',
  'mkdirSync',
  'renameSync',
  'rmSync',
  'unlinkSync',
  'writeFileSync',
  'writeSync',
] as const

let left = Number(process.env.MINTMARK_KILL_AT)

for (const name of changing) {
  const real = fs[name] as (...args: unknown[]) => unknown
  const counted = (...args: unknown[]): unknown => {
    if (--left === 0) process.kill(process.pid, 'SIGKILL')
    return real(...args)
  }
  Object.assign(fs, { [name]: counted })
}
syncBuiltinESMExports()
