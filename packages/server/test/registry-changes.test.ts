import { change } from '@mintmark/core/rules'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RegistryChanges } from '../src/operations/registry-changes.ts'
import { Store, Verifiers } from '../src/store/index.ts'
import { codeOf } from './code-of.ts'
import { kinds } from './databases.ts'
import { enrolled, fact, makeSigner } from './facts.ts'

// What verifiers are told, from a ledger that has much else.

const ended = (identity: string) =>
  change({
    kind: 'identity.revoked',
    at: Date.UTC(2026, 5, 1),
    by: 'platform',
    ledger: identity.split('/')[0]!,
    body: { identity, reason: 'a test' },
  })

describe.each(kinds.filter(({ missing }) => missing === undefined))('on $kind', ({ kind, make }) => {
  test('however much else is recorded in between, a verifier is told what changed, and forgets nothing more', async () => {
    const database = await (await make()).open()
    const store = new Store(database, makeSigner().signer)
    onTestFinished(() => store.close())
    const changes = new RegistryChanges(store, error => {
      throw error
    })
    const [one, two] = ['acme/device/one', 'acme/device/two']
    await Promise.all([enrolled(one), enrolled(two)].map(change => store.commit(change)))
    const { version, reset } = await changes.since('acme', undefined)
    expect([version, reset]).toEqual([1, true])

    const refusals = async () =>
      void (await Promise.all(Array.from({ length: 1_500 }, () => store.commit(fact('acme')))))
    await refusals()
    expect(await changes.since('acme', version)).toEqual({ version: 1_501, changes: [] })
    await store.commit(ended(one))
    await refusals()
    const told = { version: 1_502, kind: 'identity.revoked', identity: one }
    expect(await changes.since('acme', 1_501)).toEqual({ version: 3_002, changes: [told] })
    expect(await changes.since('acme', version)).toEqual({ version: 3_002, changes: [told] })
  })

  test('whoever was away while more changed than is kept forgets all', async () => {
    const database = await (await make()).open()
    const store = new Store(database, makeSigner().signer)
    onTestFinished(() => store.close())
    const changes = new RegistryChanges(store, error => {
      throw error
    })
    await store.commit(enrolled('acme/device/one'))
    const { version } = await changes.since('acme', undefined)
    const devices = Array.from({ length: 1_100 }, (_, i) => `acme/device/n${i}`)
    await Promise.all(devices.map(device => store.commit(enrolled(device))))
    await Promise.all(devices.map(device => store.commit(ended(device))))
    expect(await changes.since('acme', version)).toEqual({ version: 2_200, changes: [], reset: true })
  }, 60_000)

  test('a fleet whose devices take all leases that they get keeps no verifier of another out, and delays none', async () => {
    const database = await make()
    const { signer } = makeSigner()
    // Of two processes on one database; where it is for one alone, of that one and of nobody else.
    const stores = await Promise.all(
      Array.from({ length: kind === 'PostgreSQL' ? 2 : 1 }, async () => {
        const clock = { at: 0 }
        const verifiers = new Verifiers({ monotonic: () => clock.at })
        const store = new Store(await database.open(), signer, undefined, verifiers)
        onTestFinished(() => {
          clock.at = 60_000
          return store.close()
        })
        return store
      }),
    )
    const victim = 'beta/device/one'
    await stores[0]!.commit(enrolled(victim))
    for (const store of stores) {
      const give = (i: number) => codeOf(() => store.giveLease('acme', `acme/device/n${i >> 4}`, `${i}`, -1))
      const codes = Array.from({ length: 5_002 }, (_, i) => give(i))
      expect([codes.indexOf('slow-down'), codes.lastIndexOf(undefined)]).toEqual([5_000, 4_999])
      expect(store.giveLease('beta', 'beta/device/hub', 'a', 0)).toBe(2_000)
    }
    const [store] = stores
    const told = Promise.withResolvers<void>()
    store!.onNews(() => told.resolve())
    const revoked = store!.commit(ended(victim)).then(({ index }) => index)
    await told.promise
    store!.giveLease('beta', 'beta/device/hub', 'a', 1)
    expect(await revoked).toBe(1)
  })
})
