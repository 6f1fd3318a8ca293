/** What the platform is doing when it comes to a point. */
export type Doing = 'founding' | 'making a fleet' | 'serving' | 'serving over sockets' | 'ending'

export interface Point {
  readonly name: string
  readonly doing: Doing
}

const at =
  (doing: Doing) =>
  (...names: readonly string[]): Point[] =>
    names.map(name => ({ name, doing }))

/**
 * The steps between which a platform is killed, each at least once: those of one doing in the order in which they come.
 * Of a file, whether it is half written, whole under another name, or has its name and its directory is not synced. Of a
 * change, whether its transaction was about to be committed, or was, and nobody has been told.
 */
export const points: readonly Point[] = [
  ...at('founding')(
    'development-ceremony/root.key.json: half written',
    'development-ceremony: before it has its name',
    'platform.json: before it has its name',
    'platform.json: named',
    'schema: half made',
    'keeper/wrapping.key: named',
    'keeper/ledger-platform.pem: half written',
    'keeper/server-ca.pem: named',
    'development-ceremony/transcript.txt: before it has its name',
    'platform.founded: before commit',
    'platform.founded: committed',
    'notice.certified: committed',
    'server/key.pem: before it has its name',
    'server.certified: committed',
    'server/cert.pem: before it has its name',
    'operator/key.pem: named',
    'identity.enrolled: committed',
    'operator/cert.pem: half written',
    'operator/home.json: named',
    'endpoint.json: half written',
    'endpoint.json: named',
  ),
  ...at('making a fleet')(
    'keeper/fleet-ca-FLEET.pem: half written',
    'keeper/fleet-ca-FLEET.pem: named',
    'keeper/ledger-FLEET.pem: before it has its name',
    'fleet.created: before commit',
    'fleet.created: committed',
    'fleet.activated: before commit',
    'fleet.activated: committed',
  ),
  ...at('serving')(
    'certificate: before it is signed',
    'certificate: signed',
    'transaction: before',
    'transaction: begun',
    'registry: written',
    'permit: written',
    'ledger_entry: written',
    'head: before it is signed',
    'head: signed',
    'ledger_head: written',
    'identity.enrolled: before commit',
    'identity.enrolled: committed',
    'identity.renewed: before commit',
    'identity.renewed: committed',
    'identity.revoked: before commit',
    'identity.revoked: committed',
    'token.created: before commit',
    'token.created: committed',
    'token.revoked: before commit',
    'token.revoked: committed',
  ),
  ...at('serving over sockets')('refused: committed', 'reply: before', 'reply: handed over'),
  ...at('ending')('end: before a database is closed', 'end: a database closed'),
]
