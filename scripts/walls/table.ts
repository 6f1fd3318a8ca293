// Which room may look into which, and what it may use besides. A room is a package, or a folder of core.

export interface Room {
  /** Rooms it may look into, its own aside. `core/*` is all of core but `core/keys/sign`, which makes signatures. */
  readonly may: readonly string[]
  readonly node: 'any' | readonly string[]
  /** Whether it may use npm packages, those of its own package file. */
  readonly npm: boolean
}

const core = (...folders: string[]): Room => ({ may: folders.map(folder => `core/${folder}`), node: [], npm: false })
const wholeCore = ['core/*', 'core/keys/sign']
const files = ['node:fs', 'node:fs/promises', 'node:crypto', 'node:path']

const rooms: Readonly<Record<string, Room>> = {
  core: core(),
  'core/errors': core(),
  'core/bytes': core('errors'),
  'core/names': core('errors', 'bytes'),
  'core/keys': core('errors', 'bytes'),
  'core/keys/sign': core('errors', 'bytes', 'keys'),
  'core/ledger': core('errors', 'bytes', 'keys'),
  'core/signed': core('errors', 'bytes', 'names', 'keys', 'keys/sign', 'ledger'),
  'core/proof': core('errors', 'bytes', 'names', 'keys', 'signed', 'ledger'),
  'core/rules': core('errors', 'bytes', 'names', 'keys', 'signed', 'ledger', 'proof'),
  'core/evidence': core('errors', 'bytes', 'keys', 'signed', 'ledger', 'proof', 'rules'),
  'core/ceremony': core('errors', 'bytes', 'names', 'keys', 'signed', 'rules', 'proof'),
  elements: { may: wholeCore, node: [...files, 'node:os', 'node:util'], npm: false },
  ceremony: {
    may: [...wholeCore, 'elements'],
    node: [...files, 'node:readline', 'node:readline/promises', 'node:process'],
    npm: false,
  },
  // The SDK: every runtime with Web Crypto. What only Node has is a room of its own.
  agent: { may: [...wholeCore, 'agent/seal'], node: [], npm: false },
  // HPKE is loaded from here when it is used.
  'agent/seal': { may: [...wholeCore, 'agent'], node: [], npm: true },
  'agent/node': { may: [...wholeCore, 'agent', 'agent/seal', 'elements', 'device'], node: 'any', npm: false },
  device: { may: [...wholeCore, 'elements'], node: 'any', npm: true },
  // It checks cards and cannot sign them: its own identity is a `Key` handed in.
  gateway: { may: ['core/*'], node: 'any', npm: true },
  // It receives messages with the very checks of the SDK.
  server: { may: [...wholeCore, 'elements', 'agent'], node: 'any', npm: true },
  // The operator's browser: of ours only what reads and compares words. It talks to the platform over HTTP and makes no
  // signature.
  console: { may: ['core/errors', 'core/bytes', 'core/names', 'core/rules'], node: [], npm: true },
  mintmark: {
    may: [...wholeCore, 'elements', 'ceremony', 'agent', 'agent/node', 'device', 'gateway', 'server'],
    node: 'any',
    npm: true,
  },
  testing: {
    may: [...wholeCore, 'elements', 'ceremony', 'agent', 'agent/node', 'device', 'gateway', 'server', 'mintmark'],
    node: 'any',
    npm: true,
  },
}

/** The rule of the room, or undefined for a package or folder of core that is in no room. */
export const ruleOf = (room: string): Room | undefined => (Object.hasOwn(rooms, room) ? rooms[room] : undefined)

export const mayLookInto = (rule: Room, room: string): boolean =>
  rule.may.includes(room) || (rule.may.includes('core/*') && /^core\/[^/]+$/.test(room))

export function roomOf(path: string): string {
  const [, name, , ...inside] = path.split('/')
  if (name === 'agent' && (inside[0] === 'node' || inside[0] === 'seal')) return `agent/${inside[0]}`
  if (name !== 'core') return name!
  if (inside.join('/') === 'keys/sign.ts') return 'core/keys/sign'
  return inside.length === 1 ? 'core' : `core/${inside[0]}`
}
