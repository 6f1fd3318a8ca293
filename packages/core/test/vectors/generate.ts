// Makes the vectors beside this file anew. Run by hand, with OpenSSL 3 on the path, from the root of the checkout:
//   node packages/core/test/vectors/generate.ts
// ECDSA signatures and foreign keys are random, so every run writes other bytes; the cases need no change for it.
import { writeFileSync } from 'node:fs'
import { base64, hex } from '../../src/bytes/index.ts'
import * as certificates from './make/certificates.ts'
import * as decommission from './make/decommission.ts'
import { badEncryptionKeys, encryptionKeys, refusedEncryptionKeys } from './make/encryption-keys.ts'
import { makeEnvelopes } from './make/envelopes.ts'
import { badLists, goodLists } from './make/lists.ts'
import * as requests from './make/requests.ts'
import { badCharters, charters, misnamedCharters, unreadableCharters } from './make/statements.ts'
import { badSuccessions, misnamedSuccessions, successions } from './make/successions.ts'
import { keys } from './make/world.ts'

async function write(file: string, groups: Readonly<Record<string, certificates.Group>>): Promise<void> {
  const out = ['// Made by generate.ts. base64 of DER or COSE.', '']
  for (const [name, group] of Object.entries(groups)) {
    out.push(`export const ${name} = {`)
    for (const [title, bytes] of Object.entries(group)) {
      out.push(`  ${JSON.stringify(title)}:`, `    '${base64(await bytes)}',`)
    }
    out.push('} as const', '')
  }
  writeFileSync(new URL(file, import.meta.url), out.join('\n'))
}

await write('certificates.ts', certificates)
await write('requests.ts', requests)
await write('lists.ts', { goodLists, badLists })
await write('statements.ts', { charters, badCharters, unreadableCharters, misnamedCharters })
await write('decommission.ts', decommission)
await write('successions.ts', { successions, badSuccessions, misnamedSuccessions })
await write('encryption-keys.ts', { encryptionKeys, badEncryptionKeys, refusedEncryptionKeys })

const publicKeys = Object.entries(keys).map(
  ([title, { publicKey }]) => `  ${title}: { algorithm: '${publicKey.algorithm}', raw: '${hex(publicKey.raw)}' },`,
)
const text = ['// Made by generate.ts.', '', 'export const publicKeys = {', ...publicKeys, '} as const', '']
writeFileSync(new URL('public-keys.ts', import.meta.url), text.join('\n'))

// For readers in any language, so it is data and lies beside the specification.
const envelopes = `${JSON.stringify(await makeEnvelopes(), undefined, 2)}\n`
writeFileSync(new URL('../../../../docs/spec/envelope-vectors.json', import.meta.url), envelopes)
