// What the platform calls someone: a registry path `acme/device/device-104`, `token:<id>`, `anonymous` or `platform`.

export interface Named {
  readonly fleet: string
  readonly role: string
  readonly name: string
}

export function readRegistryPath(text: string): Named | undefined {
  const [fleet = '', role = '', name = '', ...more] = text.split('/')
  return fleet !== '' && role !== '' && name !== '' && more.length === 0 ? { fleet, role, name } : undefined
}

/** Enough of a random id to tell it from its neighbours. */
export const short = (id: string): string => (id.length > 10 ? `${id.slice(0, 8)}…` : id)

/** `example.test` out of `spiffe://platform.example.test/operator/alice`. */
export const domainOf = (identity: string): string => /^spiffe:\/\/[^./]+\.([^/]+)\//.exec(identity)?.[1] ?? ''

/** `mintmark` finds a home and a data directory by itself; a shell takes what it is given apart at these. */
export const quoted = (text: string): string =>
  /^[\w.,:/@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
