import { type Json, writeJson } from '../bytes/json.ts'
import { utf8 } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import { readName } from '../names/names.ts'
import { type Labels, readLabel, writeLabel } from './labels.ts'

/** For whom a configuration is: `fleet`, `label:site=berlin` or `device:device-104`. */
export function readConfigTarget(text: string): string {
  const [kind, name, ...rest] = text.split(':')
  if (rest.length === 0) {
    if (kind === 'fleet' && name === undefined) return text
    if (kind === 'label' && name !== undefined) return `label:${writeLabel(...readLabel(name))}`
    if (kind === 'device' && name !== undefined) return `device:${readName(name)}`
  }
  throw new Refused('bad-request', 'a configuration is for fleet, label:<key>=<value> or device:<name>')
}

/** What a device reads is made of these, in this order: its fleet's, then its labels' in order of text, then its own. */
export const configTargets = (name: string, labels: Labels): string[] => [
  'fleet',
  ...[...labels].map(([key, value]) => `label:${writeLabel(key, value)}`).toSorted(),
  `device:${name}`,
]

const maxSize = 32_768

/**
 * The one text of a configuration: a JSON object whose numbers arrive as they were sent, as RFC 8785 writes it.
 * @throws Refused
 */
export function writeConfiguration(value: Json): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refused('bad-json', 'a configuration is one JSON object')
  }
  const text = writeJson(value)
  if (utf8(text).length > maxSize) throw new Refused('too-large', 'configuration')
  return text
}

/** RFC 7396: names of the patch replace names of the target, `null` takes one away, objects are merged. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch
  // A map and own properties only, so that no name reaches a prototype.
  const merged = new Map<string, Json>(isObject(target) ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name)
    else merged.set(name, mergePatch(merged.get(name), value))
  }
  return Object.fromEntries(merged)
}

/** What the layers make together, each a patch of those before it, as text. */
export const effectiveText = (layers: readonly Json[]): string => writeJson(layers.reduce<Json>(mergePatch, {}))

const isObject = (value: Json | undefined): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
