import { join } from 'node:path'
import { base64url, readBase64url } from '@mintmark/core/bytes'
import { readCeremonyAnswer, readCeremonyRequest, requestOf } from '@mintmark/core/ceremony'
import { signCertificate, signCharter } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerBytes } from '../src/answer.ts'
import { fingerprint } from '../src/describe-root.ts'
import { foundingRequest } from '../src/founding-request.ts'
import type { Root } from '../src/keys.ts'
import { at, desk, domain, edited, newRoot, ports, type Scene, scene } from './scene.ts'

const read = (bytes: Uint8Array) => readCeremonyRequest(bytes, nodeVerify)

describe('the platform refuses', () => {
  let set: Scene
  let answer: Uint8Array
  let other: Uint8Array
  let second: Uint8Array
  beforeAll(async () => {
    set = await scene(afterAll)
    const { directory, root, request, answering } = set
    second = await foundingRequest({ directory, domain, anchor: fingerprint(root.certificate), ...ports })
    answer = (await answerBytes(request, answering)).answer
    other = (await answerBytes(second, answering)).answer
  })

  const tampers: readonly (readonly [
    name: string,
    change: (items: string[], other: string[], root: Root, request: Uint8Array) => Promise<string[]> | string[],
  ])[] = [
    ['an item of another answer by the same root', (items, other) => items.with(1, other[1]!)],
    ['a charter of another answer by the same root', (items, other) => items.with(3, other[3]!)],
    ['items in another order', items => items.with(0, items[1]!).with(1, items[0]!)],
    ['an item that is missing', items => items.slice(0, 3)],
    ['an item too many', items => [...items, items[0]!]],
    ['a changed signature', items => items.with(0, flip(items[0]!))],
    ['a CA with other constraints, signed by the root', resigned({ host: 'other.example.test' })],
    ['a CA without constraints, signed by the root', resigned({ host: undefined })],
    ['a CA with another purpose, signed by the root', resigned({ use: 'server' })],
    ['a CA that lasts longer, signed by the root', resigned({ notAfter: at + 6 * 366 * 86_400_000 })],
    ['a charter with another version, signed by the root', rechartered],
  ]
  test.each(tampers)('%s', async (_, change) => {
    const { request, root } = set
    const itemsIn = (bytes: Uint8Array): string[] => JSON.parse(Buffer.from(bytes).toString()).items
    const items = await change(itemsIn(answer), itemsIn(other), root, request)
    const tampered = edited(answer, file => (file.items = items))
    const reading = readCeremonyAnswer(tampered, await read(request), at, nodeVerify)
    await expect(reading).rejects.toMatchObject({ code: 'bad-answer' })
    // The untouched one is taken, so it was the change that was refused.
    await readCeremonyAnswer(answer, await read(request), at, nodeVerify)
  })

  test('an answer to another request', async () => {
    const reading = readCeremonyAnswer(answer, await read(second), at, nodeVerify)
    await expect(reading).rejects.toMatchObject({ code: 'bad-answer' })
    const relabelled = edited(answer, file => (file.request = base64url(second)))
    const again = readCeremonyAnswer(relabelled, await read(requestOf(relabelled)), at, nodeVerify)
    await expect(again).rejects.toMatchObject({ code: 'bad-answer' })
  })

  test('a file that is no answer', async () => {
    const request = await read(set.request)
    const files = [set.request, answer.slice(0, 900), edited(answer, file => (file.note = 1)), new Uint8Array()]
    for (const file of files) {
      await expect(readCeremonyAnswer(file, request, at, nodeVerify)).rejects.toMatchObject({ code: 'bad-answer' })
    }
    expect(() => requestOf(set.request)).toThrow(expect.objectContaining({ code: 'bad-answer' }))
  })

  test('an answer in which the root is another, or of another domain', async () => {
    const { request, answering } = set
    const directory = desk()
    const founding = edited(request, file => (file.anchor = null))
    const founded = (await answerBytes(founding, answering)).answer
    for (const changed of [{}, { domain: 'example.org' }]) {
      const root = await newRoot(join(directory, changed.domain ?? 'same'), changed)
      const swapped = edited(founded, file => (file.root = base64url(root.certificate.der)))
      const reading = readCeremonyAnswer(swapped, await read(founding), at, nodeVerify)
      await expect(reading).rejects.toMatchObject({ code: 'bad-answer' })
    }
  })
})

/** The fleet CA of the request with something else in it. */
function resigned(changed: object) {
  return async (items: string[], _: string[], { key, certificate }: Root, request: Uint8Array): Promise<string[]> => {
    const item = (await read(request)).items[2]!
    if (item.kind !== 'authority') throw new Error('not the CA')
    const issuer = { key, subject: certificate.subject, keyId: certificate.subjectKeyId! }
    return items.with(2, base64url(await signCertificate(issuer, { ...item.request, ...changed })))
  }
}

async function rechartered(items: string[], _: string[], { key }: Root, request: Uint8Array): Promise<string[]> {
  const item = (await read(request)).items[3]!
  if (item.kind !== 'charter') throw new Error('not the charter')
  return items.with(3, base64url(await signCharter(key, { ...item.charter, version: 2 })))
}

function flip(signed: string): string {
  const bytes = readBase64url(signed)
  bytes[bytes.length - 1]! ^= 1
  return base64url(bytes)
}
