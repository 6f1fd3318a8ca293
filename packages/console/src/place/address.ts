// Where the operator is stands in the fragment: `#/fleets/acme?search=x`. A fragment is not sent to the server, which so
// has one page to serve.

export interface Place {
  readonly segments: readonly string[]
  readonly query: Readonly<Record<string, string>>
}

export function readPlace(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const segments = path.split('/').filter(segment => segment !== '')
  return { segments: segments.map(readSegment), query: Object.fromEntries(new URLSearchParams(query)) }
}

/** The address of a place; names go into it encoded, whatever they are. */
export function to(
  segments: readonly (string | number)[],
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const said = Object.entries(query).filter((pair): pair is [string, string] => (pair[1] ?? '') !== '')
  const tail = said.length === 0 ? '' : `?${new URLSearchParams(said)}`
  return `#/${segments.map(segment => encodeURIComponent(segment)).join('/')}${tail}`
}

function readSegment(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // No name that is written so; there is nothing there.
    return text
  }
}
