import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import koffi from 'koffi'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { need } from '../../../../scripts/services.ts'
import { Agent, MemoryNonceStore, MemoryTrustRegistry, makeKey, Refused } from '../../src/index.ts'
import { serveHttp } from '../../src/node/index.ts'
import { openSidecar, peerUid, provideSecret, type Sidecar, type SidecarOptions } from '../../src/node/sidecar/index.ts'
import { EncryptionKeys } from '../../src/seal/index.ts'
import { messageHandler } from '../../src/transport/index.ts'
import { ask, receive, send } from './asking.ts'

// What another account, a page in a browser, or a program without the secret gets from a sidecar.

const scope = 'telemetry:write'
const own = process.getuid!()
const nobody = 65_534
const isRoot = own === 0
let directory: string
let socket: string
const ends: (() => unknown)[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mintmark-sidecar-'))
  socket = join(directory, 'sidecar.sock')
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  rmSync(directory, { recursive: true, force: true })
})

const registry = new MemoryTrustRegistry()

/** Of a receiver that has been there for a minute, so that no message is fresh to it. */
function oldStore(): MemoryNonceStore {
  let isNew = true
  return new MemoryNonceStore({
    now: () => {
      const at = isNew ? Date.now() - 60_000 : Date.now()
      isNew = false
      return at
    },
  })
}

async function open(
  options: Partial<SidecarOptions> = {},
): Promise<Sidecar & { key: Awaited<ReturnType<typeof makeKey>>; told: string[] }> {
  const nonces = new MemoryNonceStore()
  const key = await makeKey()
  const told: string[] = []
  const sidecar = await openSidecar({
    identity: async () => ({ key, nonces, registry }),
    peerUid: peerUid(koffi),
    secret: () => provideSecret(join(directory, 'secret')),
    told: error => told.push(error instanceof Refused ? error.code : String(error)),
    ...options,
  })
  ends.push(() => sidecar.close())
  return { ...sidecar, key, told }
}

describe('what a program gets', () => {
  test('it sends without a key, and what it sends is a message by that key', async () => {
    const service = await Agent.create({ registry, nonces: oldStore() })
    await open({ socket })
    const { did } = (await ask(socket)).json
    registry.register(String(did), { scopes: [scope], devices: ['sensor-7'] })
    const fields = { to: service.did, scope, payload: { celsius: 21.5 }, onBehalfOf: 'sensor-7' }
    const { json } = await send(socket, fields)
    const received = await service.receive(Buffer.from(String(json.message), 'base64'))
    expect([received.from, received.onBehalfOf, received.json()]).toEqual([did, 'sensor-7', { celsius: 21.5 }])
    const { bytes } = await send(socket, { to: service.did, scope, base64: 'AAEC' }, { accept: 'application/mint' })
    expect(Buffer.from((await service.receive(bytes)).payload)).toEqual(Buffer.from([0, 1, 2]))
  })

  test('what it has sealed the receiver alone reads, and without a key to seal to nothing goes out', async () => {
    const encryption = await EncryptionKeys.open()
    const service = await Agent.create({ registry, nonces: oldStore(), encryption })
    await open({ socket })
    registry.register(String((await ask(socket)).json.did), { scopes: [scope] })
    const fields = { to: service.did, scope, payload: 'the code is 1234', seal: true }
    expect((await send(socket, fields)).json).toMatchObject({ code: 'no-encryption-key' })
    registry.register(service.did, { scopes: [], encryption: await service.announceEncryption() })
    const message = Buffer.from(String((await send(socket, fields)).json.message), 'base64')
    expect(message.includes('1234')).toBe(false)
    const received = await service.receive(message)
    expect([received.isSealed, received.text()]).toEqual([true, 'the code is 1234'])
  })

  test('it receives, once, and hears who sent what', async () => {
    const { key } = await open({ socket })
    const to = (await Agent.create({ key })).did
    const device = await Agent.create()
    registry.register(device.did, { scopes: [scope] })
    const message = await device.send({ to, scope, payload: { celsius: 21.5 } })
    const { status, json } = await receive(socket, message)
    expect([status, json.from, json.scope, json.payload]).toEqual([200, device.did, scope, { celsius: 21.5 }])
    expect(Buffer.from(String(json.base64), 'base64').toString()).toBe('{"celsius":21.5}')
    expect((await receive(socket, message)).json.code).toBe('message-replayed')
    const lies = await device.send({ to, scope, payload: '{"twice":1,"twice":2}', contentType: 'application/json' })
    const { json: said } = await receive(socket, lies)
    expect([said.payload, said.base64]).toEqual([undefined, Buffer.from('{"twice":1,"twice":2}').toString('base64')])
  })

  test('it has a message delivered, and is told whose refusal it is', async () => {
    const delivered: string[] = []
    const service = await Agent.create({ registry, nonces: oldStore() })
    const server = await serveHttp(
      messageHandler({
        agent: service,
        deliver: received => void delivered.push(received.text()),
        refused: () => undefined,
      }),
    )
    ends.push(() => server.close())
    await open({ socket })
    const { did } = (await ask(socket)).json
    registry.register(String(did), { scopes: [scope] })
    const url = `http://127.0.0.1:${server.port}/`
    expect((await send(socket, { to: service.did, scope, payload: 'warm', url })).json).toEqual({ delivered: true })
    const refused = await send(socket, { to: service.did, scope: 'doors:open', payload: '', url })
    expect([refused.status, refused.json]).toMatchObject([403, { code: 'scope-refused', from: 'receiver' }])
    await server.close()
    const gone = await send(socket, { to: service.did, scope, payload: '', url })
    expect([gone.status, gone.json.code, gone.json.from]).toEqual([503, 'unreachable', undefined])
    const plain = await send(socket, { to: service.did, scope, payload: '', url: 'http://192.0.2.1/' })
    expect(plain.json.code).toBe('bad-request')
    expect(delivered).toEqual(['warm'])
  })

  test.each([
    [{ to: 'x', scope, payload: '' }, 'bad-did'],
    [{ scope, payload: '' }, 'bad-request'],
    [{ to: 'did:key:x', scope: 'Floor', payload: '' }, 'bad-scope'],
    [{ to: 'did:key:x', scope }, 'bad-request'],
    [{ to: 'did:key:x', scope, payload: '', base64: '' }, 'bad-request'],
    [{ to: 'did:key:x', scope, base64: 'YR==' }, 'bad-encoding'],
    [{ to: 'did:key:x', scope, payload: '', seal: 'yes' }, 'bad-request'],
    [{ to: 'did:key:x', scope, payload: '', sign: 'bytes' }, 'bad-request'],
    [{ to: 'did:key:x', scope, payload: '', __proto__x: 1 }, 'bad-request'],
    [[], 'bad-request'],
    ['text', 'bad-request'],
  ])('%j is refused', async (fields, code) => {
    await open({ socket })
    const { status, json } = await send(socket, fields)
    expect(json).toMatchObject({ code, message: expect.any(String) })
    expect(status).toBeLessThan(500)
  })

  test.each([
    [{ scope, payload: '' }, 'to is a text, and has to be there'],
    [{ to: 'did:key:x', scope, payload: '', sealed: true }, 'there is no field "sealed"'],
    [{ to: 'did:key:x', scope }, 'say payload or base64, and one of them'],
  ])('%j is refused, and whoever asked is told why', async (fields, hint) => {
    await open({ socket })
    expect((await send(socket, fields)).json).toMatchObject({ code: 'bad-request', hint })
  })

  test('another path, method or type, and bytes to be signed as they are, are refused', async () => {
    await open({ socket })
    const body = '{}'
    const json = { 'content-type': 'application/json' }
    for (const path of [
      '/',
      '//send',
      '/SEND',
      '/send/',
      '/sign',
      '/constructor',
      '/..;/send',
      '/%73end',
      'http://evil.test/send',
    ]) {
      expect((await ask(socket, { method: 'POST', path, headers: json, body })).json.code, path).toMatch(
        /^not-found$|^bad-request$/,
      )
    }
    expect((await ask(socket, { path: '/send' })).status).toBe(405)
    expect((await ask(socket, { method: 'POST', path: '/whoami', body })).status).toBe(405)
    expect((await ask(socket, { method: 'POST', path: '/send', body })).status).toBe(415)
    const other = await ask(socket, { method: 'POST', path: '/receive', headers: json, body })
    expect([other.status, other.json.hint]).toEqual([415, 'say content-type: application/mint'])
    const twice = '{"to":"a","to":"b","scope":"a","payload":1}'
    expect((await ask(socket, { method: 'POST', path: '/send', headers: json, body: twice })).json.code).toBe(
      'bad-json',
    )
  })

  test('what is too long is refused, whether it says so or not', async () => {
    await open({ socket })
    const long = JSON.stringify({ to: 'a', scope, payload: 'x'.repeat(131_072) })
    for (const coding of [{ 'content-length': String(long.length) }, { 'transfer-encoding': 'chunked' }]) {
      const headers = { 'content-type': 'application/json', ...coding }
      const answer = await ask(socket, { method: 'POST', path: '/send', headers, body: long }).catch(
        (error: Error) => error,
      )
      // The rest of it is not read, so the answer may be lost on a connection that ends.
      if (!(answer instanceof Error)) expect([answer.status, answer.json.code]).toEqual([413, 'too-large'])
    }
    expect((await ask(socket)).status).toBe(200)
  })

  test('a fault tells nothing of itself', async () => {
    const { told } = await open({ socket, identity: () => Promise.reject(new Error('/secret/path')) })
    const { status, text } = await ask(socket)
    expect([status, JSON.parse(text).code, text.includes('secret')]).toEqual([500, 'broken', false])
    expect(told).toEqual(['Error: /secret/path'])
  })
})

describe('who may use a Unix socket', () => {
  test('the account that runs it alone: the file is for nobody else', async () => {
    await open({ socket })
    expect(statSync(socket).mode & 0o777).toBe(0o600)
    expect((await ask(socket)).status).toBe(200)
  })

  test('where nobody can say who it is, nobody may', async () => {
    const { told } = await open({ socket, peerUid: () => undefined })
    const { status, json } = await ask(socket)
    expect([status, json.code, told]).toEqual([403, 'forbidden', ['forbidden']])
  })

  test.each([['own'], ['another']])('an account that was not named may not: %s', async which => {
    await open({ socket, uids: which === 'own' ? [own + 1] : [own + 1, own + 2] })
    expect(statSync(socket).mode & 0o777).toBe(0o666)
    expect((await ask(socket)).json.code).toBe('forbidden')
    expect((await send(socket, { to: 'did:key:x', scope, payload: '' })).json.code).toBe('forbidden')
  })

  test('what is behind a request that was refused is refused too', async () => {
    await open({ socket, uids: [own + 1] })
    const client = connect(socket)
    let text = ''
    client.on('data', chunk => {
      text += chunk
    })
    client.write('GET /whoami HTTP/1.1\r\nhost: x\r\n\r\nGET /whoami HTTP/1.1\r\nhost: x\r\n\r\n')
    await new Promise(resolve => client.on('close', resolve))
    expect(text).not.toContain('did:key')
    expect(text).toContain('403 Forbidden')
  })

  const missing = isRoot ? need('curl') : 'only root can be another account'
  describe.skipIf(missing)(missing ?? 'as another account', () => {
    const asNobody = async (...args: string[]) => {
      const program = ['--reuid', String(nobody), '--clear-groups', 'curl', '-s', '--unix-socket', socket, ...args]
      return promisify(execFile)('setpriv', program).then(
        ({ stdout }) => stdout,
        ({ code }: { code: number }) => `curl ends with ${code}`,
      )
    }
    beforeEach(() => chmodSync(directory, 0o755))

    test('it cannot connect where it was not named', async () => {
      await open({ socket })
      expect(await asNobody('http://localhost/whoami')).toBe('curl ends with 7')
    })

    test('it is refused where others were named, though it can connect', async () => {
      await open({ socket, uids: [own, own + 1] })
      expect(JSON.parse(await asNobody('http://localhost/whoami'))).toMatchObject({ code: 'forbidden' })
      expect((await ask(socket)).status).toBe(200)
    })

    test('it may where it was named, and then the one that runs it may not', async () => {
      await open({ socket, uids: [nobody] })
      expect(JSON.parse(await asNobody('http://localhost/whoami')).did).toMatch(/^did:key:/)
      expect((await ask(socket)).json.code).toBe('forbidden')
    })

    test('a directory of another account is no place for a socket', async () => {
      const theirs = join(directory, 'theirs')
      mkdirSync(theirs)
      await promisify(execFile)('chown', [String(nobody), theirs])
      await expect(open({ socket: join(theirs, 's') })).rejects.toMatchObject({ code: 'socket-exposed' })
    })
  })
})

describe('where a socket may be', () => {
  test.each([0o777, 0o1777, 0o775, 0o772])('a directory that others may write (%o) is no place', async mode => {
    chmodSync(directory, mode)
    await expect(open({ socket })).rejects.toMatchObject({ code: 'socket-exposed' })
    expect(existsSync(socket)).toBe(false)
  })

  test('nor is one below such a directory, unless what is in there stays where it is', async () => {
    const below = join(directory, 'below')
    mkdirSync(below, { mode: 0o700 })
    chmodSync(directory, 0o777)
    await expect(open({ socket: join(below, 's') })).rejects.toMatchObject({ code: 'socket-exposed' })
    chmodSync(directory, 0o1777)
    const { socket: place } = await open({ socket: join(below, 's') })
    expect((await ask(place!)).status).toBe(200)
  })

  test('a symbolic link to a directory counts for what it leads to', async () => {
    const [open777, link] = [join(directory, 'open'), join(directory, 'link')]
    mkdirSync(open777)
    chmodSync(open777, 0o777)
    symlinkSync(open777, link)
    await expect(open({ socket: join(link, 's') })).rejects.toMatchObject({ code: 'socket-exposed' })
  })

  test('what is there already is not touched: a file, a link, and a socket that answers', async () => {
    writeFileSync(socket, 'mine')
    await expect(open({ socket })).rejects.toMatchObject({ code: 'file-exists' })
    expect(readFileSync(socket, 'utf8')).toBe('mine')
    rmSync(socket)
    symlinkSync(join(directory, 'elsewhere'), socket)
    await expect(open({ socket })).rejects.toMatchObject({ code: 'file-exists' })
    rmSync(socket)
    await open({ socket })
    await expect(open({ socket })).rejects.toMatchObject({ code: 'address-in-use' })
    expect((await ask(socket)).status).toBe(200)
  })

  test('what a sidecar that is gone has left gives way, and one that ends leaves nothing', async () => {
    const code = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`
    await promisify(execFile)(process.execPath, ['-e', code]).catch(() => undefined)
    expect(existsSync(socket)).toBe(true)
    const { close } = await open({ socket })
    expect((await ask(socket)).status).toBe(200)
    await close()
    expect(existsSync(socket)).toBe(false)
  })

  test('a path that is too long for a socket is refused', async () => {
    await expect(open({ socket: join(directory, 'x'.repeat(108)) })).rejects.toMatchObject({ code: 'bad-request' })
  })
})

describe('over HTTP', () => {
  const http = { host: '127.0.0.1', port: 0 } as const
  const secretFile = () => join(directory, 'secret')
  const bearer = () => ({ authorization: `Bearer ${readFileSync(secretFile(), 'utf8').trim()}` })

  test('a program that knows the secret may, by either address', async () => {
    const one = await open({ http })
    expect(statSync(secretFile()).mode & 0o777).toBe(0o600)
    expect((await ask(one.http!, { headers: bearer() })).json.did).toMatch(/^did:key:/)
    const six = await open({ http: { host: '::1', port: 0 } }).catch((error: NodeJS.ErrnoException) => error)
    // A machine may be without IPv6.
    if (six instanceof Error) expect(six).toMatchObject({ code: 'EADDRNOTAVAIL' })
    else expect((await fetch(new URL('/whoami', six.http), { headers: bearer() })).status).toBe(200)
  })

  test('without it, or with another one, everything is refused', async () => {
    const { http: url } = await open({ http })
    const good = bearer().authorization
    const wrong = [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      good.slice(0, -1),
      `${good}x`,
      good.replace('Bearer', 'bearer'),
      good.slice(7),
      `Basic ${good.slice(7)}`,
    ]
    for (const authorization of wrong) {
      const headers = authorization === undefined ? {} : { authorization }
      for (const path of ['/whoami', '/send', '/nothing']) {
        expect((await ask(url!, { path, headers })).json, String(authorization)).toMatchObject({ code: 'refused' })
      }
    }
    expect((await ask(url!, { path: `/whoami?${encodeURIComponent(good)}` })).json.code).toBe('refused')
  })

  test('a page that a person opened is refused: by its origin, by where it is from, and by the name that it used', async () => {
    const { http: url } = await open({ http })
    const port = new URL(url!).port
    for (const origin of ['https://evil.com', 'null', url!, 'http://localhost', 'file://']) {
      expect((await ask(url!, { headers: { ...bearer(), origin } })).json.code, origin).toBe('origin-refused')
    }
    for (const site of ['cross-site', 'same-origin', 'none']) {
      expect((await ask(url!, { headers: { ...bearer(), 'sec-fetch-site': site } })).json.code, site).toBe(
        'origin-refused',
      )
    }
    const hosts = [
      '127.evil.com',
      `127.evil.com:${port}`,
      `127.0.0.1.evil.com:${port}`,
      'localhost',
      `localhost:${port}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `127.1:${port}`,
      `evil.com:${port}`,
      `127.0.0.1:${port}@evil.com`,
    ]
    for (const host of hosts) {
      const { status, text } = await ask(url!, { headers: { ...bearer(), host } })
      expect([status, text.includes('did:key')], host).toEqual([400, false])
    }
    expect((await ask(url!, { method: 'OPTIONS', path: '/send', headers: bearer() })).status).toBe(405)
  })

  test('an origin is refused on the socket too', async () => {
    await open({ socket })
    const { json } = await ask(socket, { headers: { origin: 'https://evil.com' } })
    expect(json).toMatchObject({ code: 'origin-refused', hint: 'ask from a program, not from a page' })
  })

  test.each([0o640, 0o604, 0o620, 0o666])('a secret that others may read or write (%o) is none', async mode => {
    provideSecret(secretFile())
    chmodSync(secretFile(), mode)
    await expect(open({ http })).rejects.toMatchObject({ code: 'secret-exposed' })
  })

  test('nor is a link, a short one, or two lines', async () => {
    writeFileSync(join(directory, 'elsewhere'), `${'a'.repeat(43)}\n`, { mode: 0o600 })
    symlinkSync(join(directory, 'elsewhere'), secretFile())
    await expect(open({ http })).rejects.toThrow('ELOOP')
    rmSync(secretFile())
    for (const text of ['', '\n', 'a'.repeat(43), `${'a'.repeat(42)}\n`, `${'a'.repeat(43)}\n\n`]) {
      writeFileSync(secretFile(), text, { mode: 0o600 })
      await expect(open({ http }), JSON.stringify(text)).rejects.toMatchObject({ code: 'home-damaged' })
    }
  })

  test('the secret stays the same from one start to the next', () => {
    const first = provideSecret(secretFile())
    expect(first).toMatch(/^[\w-]{43}$/)
    expect(provideSecret(secretFile())).toBe(first)
  })

  test('an address that another program has is refused, and nothing stays open', async () => {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    ends.push(() => other.close())
    const { port } = other.address() as { port: number }
    await expect(open({ socket, http: { host: '127.0.0.1', port } })).rejects.toMatchObject({ code: 'address-in-use' })
    expect(existsSync(socket)).toBe(false)
  })
})

describe('whoever takes their time', () => {
  test('with a head or a body is let go, and others are served meanwhile', async () => {
    await open({ socket, patience: 400 })
    const beginnings = [
      'GET /who',
      'GET /whoami HTTP/1.1\r\nhost: x\r\n',
      'POST /send HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    ]
    const over = beginnings.map(
      text =>
        new Promise<void>(resolve => {
          const client = connect(socket)
          client.on('error', () => undefined)
          client.on('close', () => resolve())
          client.resume()
          client.write(text)
        }),
    )
    expect((await ask(socket)).status).toBe(200)
    await Promise.all(over)
    expect((await ask(socket)).status).toBe(200)
  })

  test('a head that is too long is refused', async () => {
    await open({ socket })
    const outcome = await ask(socket, { headers: { x: 'x'.repeat(20_000) } }).then(
      ({ status }) => status,
      () => 431,
    )
    expect(outcome).toBe(431)
    expect((await ask(socket)).status).toBe(200)
  })
})
