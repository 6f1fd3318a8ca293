import type * as crypto from 'node:crypto'
import * as fs from 'node:fs'
import { ServerResponse } from 'node:http'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync, StatementSync } from 'node:sqlite'

// Loaded into a platform process before its own code (NODE_OPTIONS=--import): wraps what it writes with, so that it can
// be killed between any two steps. The product knows nothing of it. The point at which it dies stands in a file, and
// may be written there at any time; the process says in another file that it was there.

const torn = /^\.(.+)\.[0-9a-f]{16}\.tmp$/
const armed = process.env.MINTMARK_POINT!
const hits = `${armed}-hits`
const { readFileSync, appendFileSync } = fs

function reach(name: string): void {
  if (!isArmed(name)) return
  appendFileSync(hits, `${name}\n`)
  process.kill(process.pid, 'SIGKILL')
}

function isArmed(name: string): boolean {
  try {
    return readFileSync(armed, 'utf8') === name
  } catch {
    return false
  }
}

// The functions of a builtin module as its importers see them, once `syncBuiltinESMExports` was called.
type Module = Record<string, (...args: never[]) => unknown>
const require = createRequire(import.meta.url)
const [files, ciphers] = [require('node:fs'), require('node:crypto')] as [Module, Module]

function wrap(module: Module, name: string, around: (call: () => unknown, args: unknown[]) => unknown): void {
  const original = module[name]!
  module[name] = (...args) => around(() => original(...args), args)
}

// Files: a whole one is written under another name, synced, named, and its directory synced.
const opened = new Map<number, string>()
wrap(files, 'openSync', (call, [path]) => {
  const file = call() as number
  opened.set(file, targetOf(String(path)))
  return file
})
wrap(files, 'writeFileSync', (call, [file, bytes]) => {
  const name = typeof file === 'number' ? opened.get(file) : undefined
  if (name === undefined) return call()
  if (isArmed(`${name}: half written`)) {
    fs.writeSync(file as number, (bytes as Uint8Array).subarray(0, (bytes as Uint8Array).length / 2))
    reach(`${name}: half written`)
  }
  const done = call()
  reach(`${name}: written`)
  return done
})
for (const way of ['renameSync', 'linkSync']) {
  wrap(files, way, (call, [, to]) => {
    const name = targetOf(String(to))
    reach(`${name}: before it has its name`)
    const done = call()
    reach(`${name}: named`)
    return done
  })
}

/** `keeper/ledger-acme.pem`, also of what will have this name; only the name of what is in the data directory itself. */
function targetOf(path: string): string {
  const [directory, name] = [basename(dirname(path)), basename(path)].map(each => each.replace(torn, '$1'))
  return /^(keeper|server|operator|development-ceremony)$/.test(directory!) ? join(directory!, name!) : name!
}

// Signatures: P-256 is a CA's, Ed25519 a ledger's.
wrap(ciphers, 'sign', (call, [, , options]) => {
  const { key } = options as { key: crypto.KeyObject }
  const what = key.asymmetricKeyType === 'ec' ? 'certificate' : 'head'
  reach(`${what}: before it is signed`)
  const done = call()
  reach(`${what}: signed`)
  return done
})
syncBuiltinESMExports()

// The database: what is in the transaction says which one it is.
let kinds: string[] = []
const run = StatementSync.prototype.run
StatementSync.prototype.run = function (this: StatementSync, ...values: unknown[]) {
  const done = run.apply(this, values as Parameters<typeof run>)
  const [, table] = /^(?:insert into|update) "(\w+)"/.exec(this.sourceSQL) ?? []
  if (table === 'ledger_entry') {
    const kind = values.find(value => typeof value === 'string' && /^([a-z]+\.[a-z]+|refused)$/.test(value))
    kinds.push(String(kind))
  }
  reach(`${table}: written`)
  return done
}
const exec = DatabaseSync.prototype.exec
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
  if (sql.startsWith('create table')) reach('schema: half made')
  if (sql.startsWith('begin')) kinds = []
  if (sql === 'begin immediate') reach('transaction: before')
  if (sql === 'commit') for (const kind of new Set(kinds)) reach(`${kind}: before commit`)
  exec.call(this, sql)
  if (sql === 'begin immediate') reach('transaction: begun')
  if (sql === 'commit') for (const kind of new Set(kinds)) reach(`${kind}: committed`)
}
const close = DatabaseSync.prototype.close
DatabaseSync.prototype.close = function (this: DatabaseSync) {
  reach('end: before a database is closed')
  close.call(this)
  reach('end: a database closed')
}

// What is told to whoever asked.
const end = ServerResponse.prototype.end
ServerResponse.prototype.end = function (this: ServerResponse, ...args: unknown[]) {
  reach('reply: before')
  const done = end.apply(this, args as Parameters<typeof end>)
  reach('reply: handed over')
  return done
} as typeof end
