import {
  authorityHost,
  authorityTitle,
  type CeremonyItem,
  readCeremonyAnswer,
  readCeremonyRequest,
  requestOf,
  rootName,
  writeCeremonyRequest,
} from '@mintmark/core/ceremony'
import { Refused } from '@mintmark/core/errors'
import type { Verify } from '@mintmark/core/keys'
import { change } from '@mintmark/core/rules'
import { type AuthorityRequest, type Certificate, signSigningRequest } from '@mintmark/core/signed'
import type { Keeper } from '../keeper/keeper.ts'
import { type Platform, serialNumber } from '../platform.ts'
import type { Store } from '../store/index.ts'

/** Issuing CAs: five years, or as long as the root lasts. */
export const authorityLifetime = 5 * 365 * 86_400_000

interface Founding {
  readonly keeper: Keeper
  readonly domain: string
  now(): number
  random: Platform['random']
}

/** The platform's first ceremony request: a server CA and a people CA for keys that the keeper makes here. */
export async function requestFounding({ keeper, domain, now, random }: Founding): Promise<Uint8Array> {
  const items: CeremonyItem[] = []
  await keeper.provide('ledger-platform')
  for (const use of ['server', 'people'] as const) {
    const key = await keeper.provide(`${use}-ca`)
    const until = now() + authorityLifetime
    items.push(await authorityItem({ key, domain, use, fleet: undefined, now: now(), until, random }))
  }
  return writeCeremonyRequest({ domain, created: now(), anchor: undefined, items })
}

/** Founds the platform with the answer: the first fact of its ledger. */
export async function found(
  store: Store,
  keeper: Keeper,
  answerBytes: Uint8Array,
  now: number,
  verify: Verify,
): Promise<Certificate> {
  if (await store.platform()) throw new Refused('already-done')
  const request = await readCeremonyRequest(requestOf(answerBytes), verify)
  const answer = await readCeremonyAnswer(answerBytes, request, now, verify)
  const signed = (use: 'server' | 'people'): Uint8Array => {
    const ours = answer.items.find(
      ({ item }) =>
        item.kind === 'authority' &&
        item.request.use === use &&
        item.request.publicKey.equals(keeper.key(`${use}-ca`).publicKey),
    )
    if (ours === undefined) throw new Refused('bad-answer', `no ${use} CA for the key of this keeper`)
    return ours.signed
  }
  await store.commit(
    change({
      kind: 'platform.founded',
      at: now,
      by: 'platform',
      ledger: 'platform',
      body: {
        domain: request.domain,
        root: answer.root.der,
        server: signed('server'),
        people: signed('people'),
        ledgerKey: keeper.key('ledger-platform').publicKey.raw,
        development: rootName(answer.root).development,
      },
    }),
  )
  return answer.root
}

interface AuthorityFacts {
  readonly key: ReturnType<Keeper['key']>
  readonly domain: string
  readonly use: AuthorityRequest['use']
  readonly fleet: string | undefined
  readonly now: number
  readonly until: number
  readonly random: Platform['random']
}

export async function authorityItem(facts: AuthorityFacts): Promise<CeremonyItem> {
  const { key, domain, use, fleet, now, until, random } = facts
  const request: AuthorityRequest = {
    kind: 'authority',
    use,
    title: authorityTitle(domain, use, fleet),
    host: authorityHost(domain, use, fleet),
    serial: serialNumber(random),
    publicKey: key.publicKey,
    notBefore: now - 300_000,
    notAfter: until,
  }
  return { kind: 'authority', request, fleet, possession: await signSigningRequest(key) }
}
