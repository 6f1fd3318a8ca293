/** What is asked of the platform for what was typed; `none` where no device can be called or labelled so. */
export function readSought(text: string): Readonly<Record<string, string>> | 'none' {
  const [key, value, ...more] = text.trim().toLowerCase().split('=')
  if (more.length > 0) return 'none'
  if (value === undefined) return key === '' ? {} : /^[a-z0-9._-]{1,64}$/.test(key!) ? { search: key! } : 'none'
  const isLabel = /^[a-z][a-z0-9-]{0,31}$/.test(key!) && /^[a-z0-9][a-z0-9._-]{0,63}$/.test(value)
  return isLabel ? { label: `${key}=${value}` } : 'none'
}
