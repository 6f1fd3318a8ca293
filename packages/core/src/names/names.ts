import { Refused } from '../errors/refused.ts'

// ASCII only and exact comparison: no folding, no normalisation, so no two spellings of one name exist.

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const device = /^[a-z0-9][a-z0-9._-]{0,63}$/
const reserved = new Set(['platform'])

/** A fleet name: a DNS label in lower case, not reserved, not an A-label (`xn--`). */
export function readFleetName(text: string): string {
  if (!label.test(text) || text.startsWith('xn--') || reserved.has(text)) throw new Refused('bad-fleet')
  return text
}

/** The name of a device, station, operator, gateway or Root Node: 1 to 64 characters. */
export function readName(text: string): string {
  if (!device.test(text)) throw new Refused('bad-name')
  return text
}

/** The platform's domain: two or more DNS labels, short enough that `<fleet>.<domain>` is a host name. */
export function readDomain(text: string): string {
  const labels = text.split('.')
  if (text.length > 189 || labels.length < 2 || !labels.every(part => label.test(part) && !part.startsWith('xn--'))) {
    throw new Refused('bad-domain')
  }
  return text
}

/**
 * What a token may cover: a name with at most one `*`, which stands for one or more characters of a name:
 * `sensor-*`, `*`. Everything else is literal.
 */
export function readNamePattern(text: string): string {
  const parts = text.split('*')
  if (parts.length > 2 || !device.test(parts.join('x'))) throw new Refused('bad-name', 'not a name pattern')
  return text
}

export function coversName(pattern: string, name: string): boolean {
  const star = pattern.indexOf('*')
  if (star < 0) return pattern === name
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)]
  return name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after)
}
