// Preloaded into a process (`node --import`) that a test ends at one of its calls that change files. Nothing of the
// product knows of it: it stands in front of node:fs.
//
//     FAULT_HOME   the directory that counts
//     FAULT_AT     the call, counted from 1, before which the process ends; 0 for none, end for when it is done
//     FAULT_HOW    kill: what was done is there. lost: with the power goes what was not synced, names too.
//                  torn: names are there, and what was not synced is not in them.
//     FAULT_COUNT  where the number of calls is written when the process ends by itself
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'

const { FAULT_HOME, FAULT_AT, FAULT_HOW, FAULT_COUNT } = process.env
const real = { ...fs }
const home = resolve(FAULT_HOME!)
let calls = 0

/** What a name stands for, as the process sees it, and as the disk has it; and what of each file the disk has. */
const names = new Map<string, symbol>()
let synced = new Map<string, symbol>()
const contents = new Map<symbol, Buffer>()
/** Open files of the home; the home itself is undefined. */
const open = new Map<number, { readonly file: symbol | undefined; readonly path: string }>()

for (const name of real.readdirSync(home)) {
  if (!real.statSync(join(home, name)).isFile()) continue
  const file = Symbol(name)
  names.set(name, file)
  contents.set(file, real.readFileSync(join(home, name)))
}
synced = new Map(names)

/** The file's name where it is one of the home's; sockets come and go as they like. */
function nameIn(path: unknown): string | undefined {
  if (typeof path !== 'string') return undefined
  const full = resolve(path)
  return dirname(full) === home && !/^\.(?:daemon|renewal)-/.test(basename(full)) ? basename(full) : undefined
}

function step(): void {
  calls++
  if (calls !== Number(FAULT_AT)) return
  if (FAULT_HOW !== 'kill') cutPower()
  process.kill(process.pid, 'SIGKILL')
}

function cutPower(): void {
  const modes = new Map([...names.keys()].map(name => [name, real.statSync(join(home, name)).mode & 0o777]))
  for (const name of names.keys()) real.rmSync(join(home, name))
  for (const [name, file] of FAULT_HOW === 'torn' ? names : synced) {
    real.writeFileSync(join(home, name), contents.get(file) ?? '', { mode: modes.get(name) ?? 0o600 })
  }
}

fs.openSync = ((path: string, flags: string, mode?: number) => {
  const name = nameIn(path)
  const isNew = name !== undefined && flags.startsWith('w')
  if (isNew) step()
  const fd = real.openSync(path, flags, mode)
  if (isNew) names.set(name, Symbol(name))
  if (name !== undefined) open.set(fd, { file: names.get(name), path: join(home, name) })
  else if (path === home) open.set(fd, { file: undefined, path: home })
  return fd
}) as typeof fs.openSync

fs.writeFileSync = ((target: number | string, ...rest: [never]) => {
  if (typeof target === 'number' && open.has(target)) step()
  real.writeFileSync(target, ...rest)
}) as typeof fs.writeFileSync

fs.writeSync = ((fd: number, ...rest: [never]) => {
  if (open.has(fd)) step()
  return real.writeSync(fd, ...rest)
}) as typeof fs.writeSync

fs.fsyncSync = fd => {
  const opened = open.get(fd)
  if (opened) step()
  real.fsyncSync(fd)
  if (opened?.file) contents.set(opened.file, real.readFileSync(opened.path))
  else if (opened) synced = new Map(names)
}

fs.closeSync = fd => {
  real.closeSync(fd)
  open.delete(fd)
}

fs.renameSync = (from, to) => {
  const [before, after] = [nameIn(from), nameIn(to)]
  if (after !== undefined) step()
  real.renameSync(from, to)
  if (before === undefined || after === undefined) return
  names.set(after, names.get(before)!)
  names.delete(before)
}

fs.linkSync = (from, to) => {
  const [before, after] = [nameIn(from), nameIn(to)]
  if (after !== undefined) step()
  real.linkSync(from, to)
  if (before !== undefined && after !== undefined) names.set(after, names.get(before)!)
}

fs.rmSync = (path, options) => {
  const name = nameIn(path)
  const isThere = name !== undefined && names.has(name)
  if (isThere) step()
  real.rmSync(path, options)
  if (isThere) names.delete(name)
}

syncBuiltinESMExports()
process.on('exit', () => {
  if (FAULT_AT === 'end') cutPower()
  if (FAULT_COUNT !== undefined) real.writeFileSync(FAULT_COUNT, String(calls))
})
