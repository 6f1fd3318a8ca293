type Labels = Readonly<Record<string, string>>

/** Words with blanks or commas between; what is no label is left as it is, for the platform to refuse. */
export const readLabels = (text: string): readonly string[] => text.split(/[\s,]+/).filter(word => word !== '')

/** What makes the labels that a device has into those that are wanted: `floor=3` sets, `-site` takes away. */
export function labelChange(has: Labels, wanted: readonly string[]): string[] {
  const keys = new Set(wanted.map(label => label.split('=')[0]))
  const set = wanted.filter(label => {
    const [key = '', ...value] = label.split('=')
    return !(Object.hasOwn(has, key) && has[key] === value.join('='))
  })
  return [...set, ...Object.keys(has).flatMap(key => (keys.has(key) ? [] : [`-${key}`]))]
}
