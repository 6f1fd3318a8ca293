import { randomBytes } from 'node:crypto'
import { sha256 } from '@mintmark/core/bytes'
import { webCryptoVerify } from '@mintmark/core/keys'
import { nodeVerify } from '@mintmark/elements'
import sodium from 'sodium-native'
import { expect, test } from 'vitest'
import { Agent, MemoryTrustRegistry, makeKey } from '../src/index.ts'
import { libsodiumVerify, nodeSha256 } from '../src/node/index.ts'
import { expected, verdictOf } from './edges.cases.ts'
import { edges } from './vectors/edges.ts'

const verify = libsodiumVerify(sodium)

test.each(edges)('libsodium and OpenSSL say of $name what Web Crypto says', async edge => {
  const due = expected(edge)
  expect([await verdictOf(edge, verify), await verdictOf(edge, nodeVerify)]).toEqual([due, due])
})

test.each(['Ed25519', 'P-256'] as const)('libsodium and Web Crypto give one verdict, %s', async algorithm => {
  const [key, other] = [await makeKey(algorithm), await makeKey(algorithm)]
  const message = randomBytes(260)
  const signature = await key.sign(message)
  for (const [by, bytes, due] of [
    [key, message, true],
    [other, message, false],
    [key, message.subarray(1), false],
  ] as const) {
    expect(verify(by.publicKey, bytes, signature)).toBe(due)
    expect(await webCryptoVerify(by.publicKey, bytes, signature)).toBe(due)
  }
})

test('a receiver takes both in place of its own', async () => {
  const registry = new MemoryTrustRegistry()
  const asked = { verify: 0, sha256: 0 }
  const server = await Agent.create({
    registry,
    verify: (...args) => {
      asked.verify++
      return verify(...args)
    },
    sha256: (...parts) => {
      asked.sha256++
      return nodeSha256(...parts)
    },
  })
  const device = await Agent.create()
  registry.register(device.did, { scopes: ['telemetry:write'] })
  const sent = await device.send({ to: server.did, payload: 'warm', scope: 'telemetry:write' })
  expect((await server.receive(sent)).text()).toBe('warm')
  expect(asked).toEqual({ verify: 1, sha256: 1 })
  await expect(server.receive(sent.with(-1, sent.at(-1)! ^ 1))).rejects.toThrow('body-refused')
})

test('SHA-256 of node:crypto and of core are one', () => {
  for (const length of [0, 1, 55, 56, 64, 1_000]) {
    const [head, tail] = [randomBytes(length), randomBytes(7)]
    expect(Buffer.from(nodeSha256(head, tail))).toEqual(Buffer.from(sha256(head, tail)))
  }
})
