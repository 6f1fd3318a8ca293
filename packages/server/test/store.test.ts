import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkInclusion, leafHash, type Receipt, readCheckpoint } from '@mintmark/core/ledger'
import type { Change } from '@mintmark/core/rules'
import { nodeVerify } from '@mintmark/elements'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Database, openSqlite, Store } from '../src/store/index.ts'
import { type Kind, kinds } from './databases.ts'
import { act, ended, enrolled, fact, fleet, granted, labelled, makeKey, makeSigner, revoked, token } from './facts.ts'

/** Where it is in its ledger, or what it was refused with. */
const codeOf = (commit: Promise<Receipt>): Promise<number | string> =>
  commit.then(
    ({ index }) => index,
    error => error.code,
  )

/** A store with a database that tests can look into and make fail. */
async function scene({ make }: Kind) {
  const { open, attack, bytes } = await make()
  const { keys, signer } = makeSigner()
  const real = await open()
  const disk = { full: false, transactions: 0 }
  const database: Database = {
    ...real,
    transaction(work, locks) {
      disk.transactions++
      return real.transaction(async connection => {
        const result = await work(connection)
        // As SQLite says it: at the end, when all seemed well.
        if (disk.full) throw new Error('database or disk is full')
        return result
      }, locks)
    },
  }
  const store = new Store(database, signer)
  onTestFinished(() => store.close())
  return { attack, bytes, store, disk, keys }
}

describe.each(kinds)('on $kind', kind => {
  beforeEach(({ skip }) => skip(kind.missing !== undefined, kind.missing))

  test('commits together what comes together, each with a receipt that proves', async () => {
    const { store, disk, keys } = await scene(kind)
    const receipts = await Promise.all(Array.from({ length: 40 }, () => store.commit(fact('platform'))))
    expect(disk.transactions).toBe(1)
    expect(receipts.map(({ index }) => index)).toEqual(receipts.map((_, i) => i))
    const by = {
      origin: 'platform.example.test/ledger',
      publicKey: keys.get('platform')!.publicKey,
      verify: nodeVerify,
    }
    for (const { index, entry, proof, checkpoint } of receipts) {
      const { size, root } = await readCheckpoint(checkpoint, by)
      checkInclusion({ leafHash: leafHash(entry), index, size, proof, root })
    }
  })

  test('a change that is refused leaves the rest of its group alone and no gap in the ledger', async () => {
    const { store, disk } = await scene(kind)
    const settled = await Promise.allSettled([
      store.commit(token('a')),
      store.commit(revoked('unknown')),
      store.commit(revoked('a')),
      store.commit(revoked('a')),
      store.commit(fact('acme')),
      store.commit(token('b')),
    ])
    expect(disk.transactions).toBe(1)
    const codes = settled.map(each => (each.status === 'fulfilled' ? each.value.index : each.reason.code))
    expect(codes).toEqual([0, 'token-unknown', 1, 'token-revoked', 0, 2])
    expect((await store.entries('platform', 0, 10)).map(({ idx, kind }) => [idx, kind])).toEqual([
      [0, 'token.created'],
      [1, 'token.revoked'],
      [2, 'token.created'],
    ])
  })

  test('takes nothing of an operator who is revoked or not there, but that he was refused', async () => {
    const { store } = await scene(kind)
    for (const name of ['ann', 'bob']) await store.commit(enrolled(`platform/operator/${name}`))
    const by = (operator: string, change: Change): Change => act(`platform/operator/${operator}`, change)
    expect(await codeOf(store.commit(by('ann', fleet('a'))))).toBe(2)
    expect(await codeOf(store.commit(by('eve', fleet('b'))))).toBe('unknown')
    expect(await codeOf(store.commit(by('bob', ended('platform/operator/ann'))))).toBe(3)
    expect(await codeOf(store.commit(by('ann', fleet('b'))))).toBe('revoked')
    expect(await codeOf(store.commit(by('ann', fact('platform'))))).toBe(4)
    expect(await codeOf(store.commit(by('bob', fleet('b'))))).toBe(5)
  })

  test('keeps one operator who may do everything, and lets nobody give what he has not', async () => {
    const { store } = await scene(kind)
    for (const name of ['ann', 'bob']) await store.commit(enrolled(`platform/operator/${name}`))
    const [ann, bob] = ['platform/operator/ann', 'platform/operator/bob']
    const grants = (who: string, to: string, text: string) => codeOf(store.commit(granted(who, to, text)))
    expect(await grants(ann, bob, 'admin:acme')).toBe(2)
    expect(await grants(ann, ann, 'auditor:*')).toBe('last-admin')
    expect(await codeOf(store.commit(act(bob, ended(ann))))).toBe('last-admin')
    expect(await grants(bob, bob, 'admin:*')).toBe('forbidden')
    expect(await grants(bob, ann, 'auditor:acme')).toBe('forbidden')
    expect(await grants(bob, bob, 'admin:acme auditor:beta')).toBe('fleet-unknown')
    expect(await grants(bob, 'platform/operator/eve', 'auditor:acme')).toBe('operator-unknown')
    expect(await grants(ann, bob, 'auditor:beta,acme')).toBe('bad-grants')
    expect(await grants(bob, bob, 'auditor:acme')).toBe(3)
    expect([await store.grants(ann), await store.grants(bob)]).toEqual(['admin:*', 'auditor:acme'])
  })

  test('tells its listeners of news after it is durable and before whoever committed it', async () => {
    const { store } = await scene(kind)
    const order: string[] = []
    store.onNews(async ({ kind, about }) => {
      const stored = await store.fleet(about)
      await new Promise(resolve => setTimeout(resolve, 10))
      order.push(`${kind} heard, stored: ${stored !== undefined}`)
    })
    await Promise.all(['a', 'b'].map(name => store.commit(fleet(name)).then(() => order.push('told'))))
    expect(order.filter(word => word !== 'told')).toEqual(Array(2).fill('fleet.created heard, stored: true'))
    expect(order[0]).not.toBe('told')
    expect(order).toHaveLength(4)
  })

  test('what has no news does not wait for what has', async () => {
    const { store } = await scene(kind)
    let heard: () => void = () => undefined
    store.onNews(() => new Promise<void>(resolve => (heard = resolve)))
    const news = store.commit(fleet('a'))
    let told = false
    news.then(() => (told = true))
    await store.commit(fact('platform'))
    await store.commit(fact('platform'))
    expect(told).toBe(false)
    heard()
    expect((await news).index).toBe(0)
  })

  test('does not acknowledge what a listener failed at, and goes on', async () => {
    const { store } = await scene(kind)
    let fails = true
    store.onNews(() => {
      if (fails) throw new Error('the listener is broken')
    })
    await expect(store.commit(fleet('a'))).rejects.toThrow('the listener is broken')
    fails = false
    expect((await store.commit(fleet('b'))).index).toBe(1)
  })

  test('acknowledges and refuses nothing while the disk is full, reads on, and commits again when there is room', async () => {
    const { store, disk } = await scene(kind)
    await store.commit(token('a'))
    disk.full = true
    const settled = await Promise.allSettled([store.commit(revoked('a')), store.commit(revoked('a'))])
    // The second is not told `token-revoked`: the token is not.
    expect(settled.map(each => (each as PromiseRejectedResult).reason.code)).toEqual(['unavailable', 'unavailable'])
    expect((await store.permit('a'))?.revoked).toBe(false)
    expect((await store.head('platform'))?.size).toBe(1)
    disk.full = false
    expect((await store.commit(revoked('a'))).index).toBe(1)
  })

  test('a ledger that was changed under it gets no signature, and the others of its group do', async () => {
    const { attack, bytes, store } = await scene(kind)
    await Promise.all([store.commit(fact('acme')), store.commit(fact('other'))])
    await Promise.all([store.commit(fact('acme')), store.commit(fact('other'))])
    const both = async () => {
      const settled = await Promise.allSettled([store.commit(fact('acme')), store.commit(fact('other'))])
      return settled.map(each => (each.status === 'fulfilled' ? 'committed' : each.reason.code))
    }
    await attack("create table kept as select * from ledger_head where ledger = 'acme'")
    const restore =
      "delete from ledger_head where ledger = 'acme'; insert into ledger_head select * from kept; delete from ledger_entry where ledger = 'acme' and idx > 1"
    for (const sql of [
      "update ledger_head set frontier = (select frontier from ledger_head where ledger = 'other') where ledger = 'acme'",
      "update ledger_head set checkpoint = (select checkpoint from ledger_head where ledger = 'other') where ledger = 'acme'",
      "update ledger_head set size = 7 where ledger = 'acme'",
      `update ledger_head set frontier = ${bytes('00')} where ledger = 'acme'`,
      "delete from ledger_head where ledger = 'acme'",
      "delete from ledger_head where ledger = 'acme'; delete from ledger_entry where ledger = 'acme'",
    ]) {
      await attack(sql)
      expect([sql, await both()]).toEqual([sql, ['ledger-broken', 'committed']])
      await attack(restore)
    }
    // An entry that waits where the next one belongs.
    await attack(
      "insert into ledger_entry select 'acme', 2, kind, at, about, leaf, change from ledger_entry where ledger = 'other' and idx = 0",
    )
    expect(await both()).toEqual(['unavailable', 'committed'])
    await attack(restore)
  })

  test('a ledger that is put back to an earlier head under the running store gets no signature', async () => {
    const { attack, store } = await scene(kind)
    await store.commit(fact('acme'))
    await attack('create table kept as select * from ledger_head')
    await store.commit(fact('acme'))
    await attack(
      'delete from ledger_head; insert into ledger_head select * from kept; delete from ledger_entry where idx = 1',
    )
    await expect(store.commit(fact('acme'))).rejects.toMatchObject({ code: 'ledger-broken' })
  })

  test('a name goes on with another key, and certificates of the one before are told apart', async () => {
    const { store } = await scene(kind)
    const [identity, other] = ['platform/gateway/a', 'platform/gateway/b']
    const [first, next] = [makeKey(), makeKey()]
    const old = first.publicKey.id
    const begun = enrolled(identity, first)
    const { at, body } = begun as Change<'identity.enrolled'>
    await store.commit(begun)
    await store.commit(enrolled(other))
    await store.commit(token('reset', 1, { pattern: 'a', replaces: old }))
    const replaced = enrolled(identity, next, 'reset', old) as Change<'identity.enrolled'>
    const { index } = await store.commit(replaced)
    expect(await store.record(identity)).toMatchObject({ key: next.publicKey.id, serial: replaced.body.serial })
    expect(await store.keysOf(identity)).toMatchObject([
      { id: old, since: at, until: replaced.at },
      { id: next.publicKey.id, since: replaced.at, until: null },
    ])
    expect(await store.newestCertificate(identity)).toMatchObject({ serial: replaced.body.serial, idx: index })
    const listed = await store.supersededCertificates('platform', at)
    expect(listed.map(each => ({ ...each }))).toEqual([{ serial: body.serial, until: replaced.at }])
    expect(await store.supersededCertificates('platform', body.notAfter + 1)).toEqual([])
  })

  test('lists names in the order of their bytes, all of a fleet and no others', async () => {
    const { store } = await scene(kind)
    const names = ['a', 'a-1', 'a.1', 'a1', 'aa', 'a_1', 'b-a', 'ba', 'b_a', '0', '9z', 'z']
    const others = ['acme-1/device/a', 'acme0/device/a', 'acm/device/a']
    const paths = [...names.map(name => `acme/device/${name}`), ...others]
    await Promise.all(paths.map(path => store.commit(enrolled(path))))
    const found: string[] = []
    for (let after: string | undefined = ''; after !== undefined; ) {
      const { rows, next } = await store.devices('acme', { after, limit: 5 })
      found.push(...rows.map(({ name }) => name))
      after = next
    }
    expect(found).toEqual(names.toSorted())
  })

  test('lists tokens newest first, page after page, though many are of one moment', async () => {
    const { store } = await scene(kind)
    const ids = Array.from({ length: 23 }, (_, i) => `token-${String(i).padStart(2, '0')}`)
    await Promise.all(ids.map((id, i) => store.commit(token(id, 1, {}, 5_000 + Math.floor(i / 8)))))
    const found: string[] = []
    for (let after: { created: number; id: string } | undefined; ; ) {
      const { rows, next } = await store.permitPage('platform', { after, limit: 5, usableAt: undefined })
      found.push(...rows.map(({ id }) => id))
      if (next === undefined) break
      after = next
    }
    expect(found).toEqual(ids.toReversed())
    const usable = await store.permitPage('platform', {
      after: undefined,
      limit: 23,
      usableAt: Number.MAX_SAFE_INTEGER,
    })
    expect([usable.rows, usable.next]).toEqual([[], undefined])
  })

  test('finds one device among 10,000 labels, and goes on behind 10,000 names that are none', async () => {
    const { store } = await scene(kind)
    const names = Array.from({ length: 10_050 }, (_, i) => `device-${String(i).padStart(5, '0')}`)
    await Promise.all(names.map(name => store.commit(enrolled(`acme/device/${name}`))))
    await Promise.all(names.map((name, i) => store.commit(labelled(`acme/device/${name}`, `line=a place=p${i}`))))
    const find = async (sought: object) => {
      const { rows, next } = await store.devices('acme', { after: '', limit: 5, ...sought })
      return [rows.map(({ name }) => name), next]
    }
    expect(await find({ label: 'place=p9000' })).toEqual([['device-09000'], undefined])
    expect(await find({ label: 'place=none' })).toEqual([[], undefined])
    expect(await find({ label: 'line=a', standing: 'revoked' })).toEqual([[], 'device-09999'])
    expect(await find({ label: 'line=a', search: '0042', after: 'device-00042' })).toEqual([
      ['device-00420', 'device-00421', 'device-00422', 'device-00423', 'device-00424'],
      'device-00424',
    ])
    expect(await find({ search: '10049' })).toEqual([[], 'device-09999'])
    expect(await find({ search: '10049', after: 'device-09999' })).toEqual([['device-10049'], undefined])
    expect(await find({ search: '_' })).toEqual([[], 'device-09999'])
  }, 120_000)

  test('commits what it was given before it was closed, and nothing after', async () => {
    const { store } = await scene(kind)
    const given: Promise<Receipt>[] = [store.commit(fact('platform')), store.commit(fact('platform'))]
    await Promise.all([store.close(), store.close()])
    expect((await Promise.all(given)).map(({ index }) => index)).toEqual([0, 1])
    await expect(store.commit(fact('platform'))).rejects.toMatchObject({ code: 'unavailable' })
    await store.close()
  })
})

test('one process has a database for writing; it is free again once it is closed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-store-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'mintmark.db')
  const first = openSqlite(path)
  expect(() => openSqlite(path)).toThrow(expect.objectContaining({ code: 'data-in-use' }))
  // Whoever only reads may.
  openSqlite(path, { readOnly: true }).close()
  expect(() => openSqlite(path)).toThrow(expect.objectContaining({ code: 'data-in-use' }))
  first.close()
  openSqlite(path).close()
})
