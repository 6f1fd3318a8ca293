import { change } from '@mintmark/core/rules'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RegistryChanges } from '../src/operations/registry-changes.ts'
import { Store } from '../src/store/index.ts'
import { kinds } from './databases.ts'
import { enrolled, fact, makeSigner } from './facts.ts'

// What verifiers are told, from a ledger that has much else.

const ended = (identity: string) =>
  change({
    kind: 'identity.revoked',
    at: Date.UTC(2026, 5, 1),
    by: 'platform',
    ledger: 'acme',
    body: { identity, reason: 'a test' },
  })

describe.each(kinds.filter(({ missing }) => missing === undefined))('on $kind', ({ make }) => {
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
})
