import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { base64url, readPem, readPemBlocks } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type PeerProof, provePeer } from '@mintmark/core/proof'
import { decideEntry } from '@mintmark/core/rules'
import { readToken } from '@mintmark/core/signed'
import { dataFiles } from '../../packages/server/src/data-files.ts'
import { openKeeper } from '../../packages/server/src/keeper/keeper.ts'
import { openDatabase } from '../../packages/server/src/open-database.ts'
import { lowerStanding } from '../../packages/server/src/operations/devices.ts'
import {
  type EnrollmentReply,
  enroll,
  enrollmentJson,
  proveToken,
} from '../../packages/server/src/operations/enroll.ts'
import { renew } from '../../packages/server/src/operations/renew.ts'
import { createToken, listTokens, revokeToken } from '../../packages/server/src/operations/tokens.ts'
import { ledgerSigner, type Platform, readTrust } from '../../packages/server/src/platform.ts'
import { Store } from '../../packages/server/src/store/index.ts'
import { serverVerify } from '../../packages/server/src/verify.ts'

// The heart of a platform in a process of its own: its store, its keys and its operations, without its doors. It starts
// in a quarter of the time, so it can be killed four times as often. Questions and answers go over the channel to its
// parent; an operation is called as the door would call it, and the gate decides before it.

/** What can be asked: a `Reach`, with everything as text. */
export type Question =
  | { readonly ask: 'claim'; readonly token: string; readonly csr: string }
  | { readonly ask: 'renew'; readonly certificate: string; readonly csr: string }
  | { readonly ask: 'use'; readonly certificate: string }
  | { readonly ask: 'create token'; readonly uses: number }
  | { readonly ask: 'revoke token'; readonly token: string }
  | { readonly ask: 'uses left'; readonly token: string }
  | { readonly ask: 'revoke device'; readonly name: string }

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly code: string }
  | { readonly id: number; readonly broken: string }

const [data = '', domain = '', fleet = ''] = process.argv.slice(2)
const files = dataFiles(data)
const keeper = openKeeper(files.keeper)
const store = new Store(await openDatabase(data, {}), ledgerSigner(keeper, domain))
const trust = await readTrust(store, Date.now(), serverVerify)
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))
const platform = { store, keeper, now: Date.now, random, verify: serverVerify, trust } as unknown as Platform

const operator = await prove(readPemBlocks('CERTIFICATE', readFileSync(join(files.operator, 'cert.pem'), 'utf8'))[0]!)
const by = operator.identity

process.on('message', ({ id, question }: { id: number; question: Question }) => {
  answer(question).then(
    value => process.send!({ id, value }),
    (error: unknown) => {
      if (error instanceof Refused) process.send!({ id, code: error.code })
      else process.send!({ id, broken: error instanceof Error ? error.stack : String(error) })
    },
  )
})
process.send!({ id: 0, value: 'ready' })

async function answer(question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'claim': {
      const shown = await proveToken(platform, readToken(question.token))
      return said(await enroll(platform, shown, readPem('CERTIFICATE REQUEST', question.csr), undefined))
    }
    case 'renew':
      return said(await renew(platform, await admit(question), readPem('CERTIFICATE REQUEST', question.csr), undefined))
    case 'use':
      return void (await admit(question))
    case 'create token':
      return (await createToken(platform, by, fleet, { uses: question.uses, ttl: 3_600_000 }, 'https://localhost:1'))
        .token
    case 'revoke token':
      return void (await revokeToken(platform, by, fleet, idOf(question.token)))
    case 'uses left': {
      const { tokens } = await listTokens(platform, fleet, { limit: 1_000 })
      return tokens.find(({ id }) => id === idOf(question.token))!.left
    }
    case 'revoke device':
      return void (await lowerStanding(platform, by, { fleet, name: question.name }, 'revoked', 'a test'))
  }
}

/** What the door does with a certificate. */
async function admit({ certificate }: { readonly certificate: string }): Promise<PeerProof> {
  const proof = await prove(readPem('CERTIFICATE', certificate))
  const record = await store.standing(proof.identity.path)
  decideEntry(proof, record, { roles: ['device'] }, Date.now())
  return proof
}

function prove(der: Uint8Array): Promise<PeerProof> {
  return provePeer(der, domain, id => trust.authorities.get(Buffer.from(id).toString('hex')), serverVerify)
}

const idOf = (token: string): string => base64url(readToken(token).id)

const said = (reply: EnrollmentReply) => {
  const { certificate, identity, receipt } = enrollmentJson(reply)
  return { certificate, identity, receipt }
}
