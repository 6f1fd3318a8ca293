import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates, TLSSocket } from 'node:tls'
import { PrivateCa, type ServerFiles } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { readSinkTrust } from '../src/relay/sink-tls.ts'
import { openScene, password, until, user, userInfo } from './sink-scene.ts'

// Whoever is on the way to a sink and is not it: what the platform says to them, byte by byte.

const missing = need('openssl')
let ca: PrivateCa
let others: PrivateCa

beforeAll(() => {
  if (missing) return
  ca = new PrivateCa()
  others = new PrivateCa()
})
afterAll(() => {
  ca?.remove()
  others?.remove()
})

interface Play {
  /** Said first, in clear. */
  readonly greeting?: string
  /** What it then speaks TLS with; where it is left out it listens, and hangs up. */
  readonly tls?: ServerFiles
}

/** A server that keeps what it hears, in clear or by TLS. */
async function imposter({ greeting = '', tls }: Play) {
  const heard = { inClear: '', secured: '', connections: 0, open: new Set<Socket>() }
  const server = createServer(socket => {
    heard.connections++
    heard.open.add(socket)
    socket.on('close', () => heard.open.delete(socket))
    socket.on('error', () => undefined)
    if (greeting !== '') socket.write(greeting)
    if (!tls) {
      socket.on('data', chunk => {
        heard.inClear += chunk.toString('latin1')
        socket.destroy()
      })
      return
    }
    const secure = new TLSSocket(socket, { isServer: true, cert: readFileSync(tls.cert), key: readFileSync(tls.key) })
    secure.on('error', () => socket.destroy())
    secure.on('data', chunk => {
      heard.secured += chunk.toString('latin1')
      secure.destroy()
    })
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    for (const socket of heard.open) socket.destroy()
  })
  return { heard, port: (server.address() as AddressInfo).port }
}

const info = (tls: object): string =>
  `INFO ${JSON.stringify({ server_id: 'x', version: '2.9.10', proto: 1, max_payload: 1_048_576, auth_required: true, ...tls })}\r\n`
const secured = { tls_required: true, tls_available: true }

/** Opens the sink and waits until it has tried twice, with a message that waits. */
async function tried(scheme: string, play: Play) {
  const { heard, port } = await imposter(play)
  const { offer, waiting, count, lines, openSinks } = openScene()
  openSinks([`${scheme}://${userInfo}@localhost:${port}`], ca.file)
  offer()
  await until(() => heard.connections > 1 && lines.length > 0)
  const name = (JSON.parse(lines[0]!) as { sink: string }).sink
  expect([await waiting(name), await count(name, 'sent'), await count(name, 'failed')]).toEqual([1, 0, 0])
  return heard
}

/** A record of TLS with a message of a handshake in it, or nothing. */
const sealed = (text: string): boolean => text === '' || text.startsWith('\u0016\u0003')
const hasCredentials = (text: string): boolean =>
  [user, password, Buffer.from(`${user}:${password}`).toString('base64')].some(each => text.includes(each))

describe.skipIf(missing)(`somebody else who answers${missing ?? ''}`, () => {
  test.each([
    ['no TLS', {}],
    ['TLS that it has not', secured],
    ['TLS, if one likes, that it has not', { tls_available: true }],
  ])(
    'by the greeting of NATS, with %s, hears no CONNECT',
    async (_, offered) => {
      const { inClear } = await tried('tls', { greeting: info(offered) })
      expect([hasCredentials(inClear), inClear.includes('CONNECT'), sealed(inClear)]).toEqual([false, false, true])
    },
    30_000,
  )

  test('by a greeting of NATS and TLS of another CA hears nothing by TLS either', async () => {
    const { secured: said } = await tried('tls', { greeting: info(secured), tls: others.issue('DNS:localhost') })
    expect(said).toBe('')
  }, 30_000)

  test.each(['PONG\r\n', '-ERR x\r\n', info({ connect_urls: ['127.0.0.1:1'] })])(
    'with a greeting of NATS and %j, and then lets it through to the server itself, is not heard',
    async more => {
      const { secured: said } = await tried('tls', { greeting: info(secured) + more, tls: ca.issue('DNS:localhost') })
      expect(said).toBe('')
    },
    30_000,
  )

  test('by a greeting of NATS alone gets the CONNECT once it has proven itself', async () => {
    const { heard, port } = await imposter({ greeting: info(secured), tls: ca.issue('DNS:localhost') })
    const { openSinks } = openScene()
    openSinks([`tls://${userInfo}@localhost:${port}`], ca.file)
    await until(() => heard.secured !== '')
    expect(heard.secured).toMatch(/^CONNECT /)
  })

  test('in silence on the port of NATS has one connection, and the one before it is closed', async () => {
    const { connections, open } = await tried('tls', {})
    expect([connections, open.size]).toEqual([2, 1])
  }, 30_000)

  test.each(['mqtts', 'https'])('on %s in clear hears the beginning of a handshake', async scheme => {
    const { heard, port } = await imposter({})
    const { offer, openSinks } = openScene()
    openSinks([`${scheme}://${userInfo}@localhost:${port}`], ca.file)
    offer()
    await until(() => heard.inClear !== '')
    expect([hasCredentials(heard.inClear), sealed(heard.inClear)]).toEqual([false, true])
  })

  test.each(['mqtts', 'https', 'tls'])(
    'on %s with a certificate of another CA hears nothing',
    async scheme => {
      const greeting = scheme === 'tls' ? info(secured) : ''
      const { secured: said } = await tried(scheme, { greeting, tls: others.issue('DNS:localhost') })
      expect(said).toBe('')
    },
    30_000,
  )

  test.each(['mqtts', 'https', 'tls'])(
    'on %s is refused also where Node is told to trust everybody',
    async scheme => {
      const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
      onTestFinished(() => {
        if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
        else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
      })
      const greeting = scheme === 'tls' ? info(secured) : ''
      const { secured: said } = await tried(scheme, { greeting, tls: others.issue('DNS:localhost') })
      expect(said).toBe('')
    },
    30_000,
  )

  test.each(['mqtts', 'https', 'tls'])(
    'on %s at an address is not taken for localhost',
    async scheme => {
      const greeting = scheme === 'tls' ? info(secured) : ''
      const { heard, port } = await imposter({ greeting, tls: ca.issue('DNS:localhost') })
      const { away, lines, openSinks } = openScene()
      openSinks([`${scheme}://${userInfo}@127.0.0.1:${port}`], ca.file)
      await until(() => lines.length > 0)
      expect(Object.values(away())).toEqual(['ERR_TLS_CERT_ALTNAME_INVALID'])
      expect(heard.secured).toBe('')
    },
    30_000,
  )

  test.each(['mqtts', 'https', 'tls'])('on %s is the sink where a CA that Node trusts says so', async scheme => {
    const before = getCACertificates('default')
    setDefaultCACertificates([readFileSync(others.file, 'utf8')])
    onTestFinished(() => setDefaultCACertificates(before))
    const greeting = scheme === 'tls' ? info(secured) : ''
    const { heard, port } = await imposter({ greeting, tls: others.issue('DNS:localhost') })
    const { offer, openSinks } = openScene()
    openSinks([`${scheme}://${userInfo}@localhost:${port}`], ca.file)
    offer()
    await until(() => heard.secured !== '')
    expect(hasCredentials(heard.secured)).toBe(true)
  })
})

describe.skipIf(missing)('the file of CAs', () => {
  test('may have words between the certificates', () => {
    const file = join(directory(), 'ca.pem')
    const [one, two] = [ca, others].map(each => readFileSync(each.file, 'utf8'))
    writeFileSync(file, `# ours\n${one}\r\nsubject=CN = Our CA\n${two}`)
    expect(() => readSinkTrust(file)).not.toThrow()
  })

  test.each<[string, () => string]>([
    ['is not there', () => join(directory(), 'ca.pem')],
    ['is a directory', directory],
    ['is empty', () => written('')],
    ['has no certificate', () => written('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n')],
    ['has one that is none', () => written('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')],
    ['is cut short', () => written(readFileSync(ca.file, 'utf8').slice(0, 300))],
    ['has a second one that is cut short', () => written(readFileSync(ca.file, 'utf8').repeat(2).slice(0, -40))],
    ['has a private key', () => written(readFileSync(ca.file, 'utf8') + readFileSync(ca.issue('DNS:a').key, 'utf8'))],
  ])('that %s is refused', (_, make) => {
    expect(() => readSinkTrust(make())).toThrow(expect.objectContaining({ code: 'bad-sink-ca' }))
  })

  function directory(): string {
    const made = mkdtempSync(join(tmpdir(), 'mintmark-sink-ca-'))
    onTestFinished(() => rmSync(made, { recursive: true }))
    return made
  }

  function written(text: string): string {
    const file = join(directory(), 'ca.pem')
    writeFileSync(file, text)
    return file
  }
})
