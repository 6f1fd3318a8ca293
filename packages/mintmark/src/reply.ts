/** The fields of a reply, or of one thing in it. */
export type Fields = Readonly<Record<string, unknown>>

export function fieldsOf(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new Error('the platform answered with something else than an object')
}

/** A list of things under this name. */
export function listOf(value: unknown, name: string): Fields[] {
  const list = fieldsOf(value)[name]
  if (!Array.isArray(list)) throw new Error(`the platform answered without ${name}`)
  return list.map(fieldsOf)
}
