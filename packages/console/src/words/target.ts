/** `the fleet`, `label site=berlin`, `device device-104`: for whom a configuration is. */
export function targetWords(target: string): string {
  const [kind = '', name] = target.split(':')
  return name === undefined ? 'the whole fleet' : `${kind} ${name}`
}
