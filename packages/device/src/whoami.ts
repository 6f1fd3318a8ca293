import { connect } from './https.ts'
import { openHome } from './settle.ts'

export interface Question {
  /** Directory of the home. */
  readonly home: string
  readonly now: () => number
}

/** What the platform says of whoever lives in this home, over mutual TLS: the body of `GET /v1/me`. */
export async function whoami({ home, now }: Question): Promise<unknown> {
  const { url, anchor, certificate, keyFile } = await openHome(home, now)
  const platform = connect({ url, anchor, identity: { certificate, key: keyFile }, now })
  try {
    return (await platform.get('/v1/me')).body
  } finally {
    platform.close()
  }
}
