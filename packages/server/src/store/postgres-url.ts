import { readFileSync } from 'node:fs'
import { Refused } from '@mintmark/core/errors'
import type { ClientConfig } from 'pg'

const hint = 'say postgres://user@host:5432/name; the password may be in PGPASSWORD'

/** Everything else that a URL could say, of a client that does not look whom it speaks to for one, is refused. */
const known = new Set(['host', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey'])

/**
 * `postgres://user:password@host:5432/name`. `?host=/run/postgresql` names the directory of a socket, and
 * `?sslmode=verify-full` asks for TLS, with the CA in the file `sslrootcert` or one of the machine's.
 * What is left out is taken from `PGUSER`, `PGPASSWORD` and the like.
 * @throws Refused `bad-database`, whose text does not repeat the URL: it may have a password
 */
export function readDatabaseUrl(text: string): ClientConfig {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^postgres(ql)?:$/.test(url.protocol) || url.hash !== '') throw bad('this is no URL of PostgreSQL')
  const asked = Object.fromEntries(url.searchParams)
  for (const name of url.searchParams.keys()) if (!known.has(name)) throw bad(`${name} is not known here`)
  const database = decoded(url.pathname.slice(1))
  if (database === '') throw bad('it names no database')
  const host = asked.host ?? (url.hostname === '' ? undefined : url.hostname.replace(/^\[(.*)\]$/, '$1'))
  return {
    database,
    application_name: 'mintmark',
    ...(host === undefined ? {} : { host }),
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...(url.username === '' ? {} : { user: decoded(url.username) }),
    ...(url.password === '' ? {} : { password: decoded(url.password) }),
    ssl: tlsOf(asked),
  }
}

/** Whether others on the way could read along: no TLS, and not on this host. */
export function speaksInClear(text: string): boolean {
  const { host = 'localhost', ssl } = readDatabaseUrl(text)
  return !ssl && !/^(localhost|127(\.\d+){3}|::1|\/.*)$/.test(host)
}

function tlsOf({ sslmode = 'disable', ...files }: Readonly<Record<string, string>>): ClientConfig['ssl'] {
  if (sslmode === 'disable') return false
  if (sslmode !== 'verify-full') throw bad(`sslmode is disable or verify-full, which ${sslmode} is neither of`)
  const read = (name: string) => (files[name] === undefined ? undefined : readFileSync(files[name], 'utf8'))
  const [ca, cert, key] = [read('sslrootcert'), read('sslcert'), read('sslkey')]
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), minVersion: 'TLSv1.2' }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw bad('a percent sign is not followed by two hex digits', cause)
  }
}

const bad = (why: string, cause?: unknown): Refused => new Refused('bad-database', why, { hint, cause })
