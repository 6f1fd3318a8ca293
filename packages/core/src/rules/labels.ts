import { Refused } from '../errors/refused.ts'

/** By key. */
export type Labels = ReadonlyMap<string, string>

/** What becomes of labels: a value for each key that is set, undefined for one that goes. */
export type LabelChange = ReadonlyMap<string, string | undefined>

export const labelBounds = { most: 16, longestChange: 1_024 } as const

const keyForm = /^[a-z][a-z0-9-]{0,31}$/
const valueForm = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** `site=berlin`. No blank, sign of a pattern or upper case is in one, so no two spellings of one label exist. */
export function readLabel(text: string): readonly [key: string, value: string] {
  const [key = '', value = '', ...rest] = text.split('=')
  if (!keyForm.test(key) || !valueForm.test(value) || rest.length > 0) throw new Refused('bad-label')
  return [key, value]
}

export const writeLabel = (key: string, value: string): string => `${key}=${value}`

/** `floor=3` sets, `-site` takes away; each key once. */
export function readLabelChange(parts: readonly string[]): LabelChange {
  const change = new Map<string, string | undefined>()
  for (const part of parts) {
    const [key, value] = part.startsWith('-') ? [readKey(part.slice(1)), undefined] : readLabel(part)
    if (change.has(key)) throw new Refused('bad-label', 'a key twice')
    change.set(key, value)
  }
  if (change.size === 0 || writeLabelChange(change).length > labelBounds.longestChange) {
    throw new Refused('bad-label', 'no change of labels, or too long a one')
  }
  return change
}

/** As a fact has it: in order of key, with one blank between. */
export const writeLabelChange = (change: LabelChange): string =>
  [...change]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => (value === undefined ? `-${key}` : writeLabel(key, value)))
    .join(' ')

/** Reads what `writeLabelChange` wrote; any other spelling is refused. */
export function readLabelText(text: string): LabelChange {
  const change = readLabelChange(text.split(' '))
  if (writeLabelChange(change) !== text) throw new Refused('bad-label', 'order')
  return change
}

/** All labels of a device as one text, in order of key; '' for none. */
export const writeLabels = (labels: Labels): string => writeLabelChange(labels)

/** Reads what `writeLabels` wrote. */
export const labelsOf = (text: string): Labels => new Map(text === '' ? [] : text.split(' ').map(readLabel))

/** The labels after a change. @throws Refused `too-many-labels` */
export function relabel(labels: Labels, change: LabelChange): Labels {
  const after = new Map(labels)
  for (const [key, value] of change) {
    if (value === undefined) after.delete(key)
    else after.set(key, value)
  }
  if (after.size > labelBounds.most) throw new Refused('too-many-labels')
  return after
}

function readKey(text: string): string {
  if (!keyForm.test(text)) throw new Refused('bad-label', 'key')
  return text
}
