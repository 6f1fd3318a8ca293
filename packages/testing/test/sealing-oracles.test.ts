import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { Agent, MemoryTrustRegistry } from '@mintmark/agent'
import { EncryptionKeys } from '@mintmark/agent/seal'
import { hex, readHex } from '@mintmark/core/bytes'
import { readDidKey } from '@mintmark/core/keys'
import { readMessage, readSealedBody, sealInfo } from '@mintmark/core/signed'
import { describe, expect, test } from 'vitest'
import vectors from '../../../docs/spec/sealing-vectors.json' with { type: 'json' }
import { need } from '../../../scripts/services.ts'
import { root } from './pages.ts'

// Software that is not ours opens what we seal: HPKE in fifty lines of Python over its library's X25519 and AES-GCM.

const missing = need('/usr/lib/python3/dist-packages/cryptography/__init__.py')
describe.skipIf(missing)(`Python${missing ? ` (skipped: ${missing})` : ''}`, () => {
  async function open(valid: readonly object[]): Promise<{ code: number; said: string }> {
    const child = spawn('/usr/bin/python3', [`${root}/examples/python/open_sealed.py`])
    child.stdin.end(JSON.stringify({ valid }))
    const [said, failed] = await Promise.all([text(child.stdout), text(child.stderr)])
    const code = child.exitCode ?? (await new Promise<number>(resolve => child.once('close', resolve)))
    return { code, said: said + failed }
  }

  test('opens every vector', async () => {
    const { code, said } = await open(vectors.valid)
    expect(code).toBe(0)
    expect(said.slice(0, -1).split('\n')).toEqual(
      vectors.valid.map(({ name, disclosure }) => `${name}: ${Buffer.from(disclosure, 'hex').subarray(16)}`),
    )
  })

  test.each(['cose', 'jws'] as const)('opens what an agent has sealed, %s', async form => {
    let pkcs8 = new Uint8Array()
    const encryption = await EncryptionKeys.open({
      isExporting: true,
      load: async () => [],
      keep: async ([kept]) => {
        pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', kept!.pair.privateKey))
      },
    })
    const registry = new MemoryTrustRegistry()
    const server = await Agent.create({ encryption, registry })
    registry.register(server.did, { scopes: [], encryption: await server.announceEncryption() })
    const device = await Agent.create({ registry })
    const message = { to: server.did, payload: 'warm', scope: 'telemetry:write', seal: true }
    const { envelope, body } = readMessage(await device.send(message, { form }), 1_000)
    const { claims } = envelope
    const { enc, ciphertext } = readSealedBody(body)
    const info = sealInfo(claims, envelope.form, readDidKey(device.did), claims.sealed!.key)
    const all = { info, enc, ciphertext, commitment: claims.sealed!.commitment, receiverPrivate: pkcs8.slice(-32) }
    const vector = {
      name: 'ours',
      ...Object.fromEntries(Object.entries(all).map(([name, bytes]) => [name, hex(bytes)])),
    }
    expect(await open([vector])).toEqual({ code: 0, said: 'ours: warm\n' })
  })

  test.each(['info', 'enc', 'ciphertext', 'receiverPrivate', 'commitment'] as const)(
    'not with another %s',
    async name => {
      const vector = vectors.valid[0]!
      // Not the last byte of a key: some of its bits are not looked at.
      const other = hex(readHex(vector[name]).map((byte, i) => (i === 8 ? byte ^ 1 : byte)))
      expect((await open([{ ...vector, [name]: other }])).code).toBe(1)
    },
  )
})
