import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { pem } from '@mintmark/core/bytes'
import { dataFiles } from '@mintmark/server'
import {
  clientHello,
  type Hello,
  openTcp,
  openTls,
  protocolNames,
  type RawConnection,
  serverName,
  startTestPlatform,
  type TestDevice,
  type TestPlatform,
  type TlsClient,
} from '@mintmark/testing'
import * as forging from '@mintmark/testing/forge'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { need } from '../../scripts/services.ts'
import { anonymously, refusal, refused, refusedBy } from './refusals.ts'

const { forge, purposes } = forging
const day = 86_400_000

let platform: TestPlatform
let device: TestDevice
let stranger: TestDevice

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  await platform.makeFleet('bolt')
  device = await platform.enrollDevice('acme', 'device-104')
  stranger = await platform.enrollDevice('bolt', 'device-104')
})
afterAll(() => platform.stop())

const me = 'GET /v1/me'
const uriOf = (path: string): string => {
  const [fleet, ...rest] = path.split('/')
  return `spiffe://${fleet}.example.test/${rest.join('/')}`
}
const withKey = (certificate: Uint8Array, key: string, ...chain: readonly Uint8Array[]): TlsClient => ({
  cert: [certificate, ...chain].map(der => pem('CERTIFICATE', der)).join(''),
  key,
})

/** A certificate by this forger for the device's own key and name, but for what is said. */
async function forged(forger: forging.Forger, parts: Partial<forging.Forgery> = {}): Promise<TlsClient> {
  const { spki } = device.key.publicKey
  return withKey(await forge(forger, { spki, uris: [uriOf(device.path)], ...parts }, platform.clock.now()), device.pem)
}

/** The refusal of a certificate that proves nobody, on a path for devices and on a public one. */
async function expectNobody(as: TlsClient): Promise<void> {
  const before = await platform.snapshot()
  expect(refusal(await platform.call('GET', '/v1/me', { as }))).toEqual(refused('certificate-refused'))
  expect(refusal(await platform.call('GET', '/v1/trust', { as }))).toEqual(refused('certificate-refused'))
  expect(await platform.since(before)).toEqual([
    anonymously('certificate-refused', me),
    anonymously('certificate-refused', 'GET /v1/trust'),
  ])
}

/** A CA of the attacker's own, in the name and with the key id of the fleet's. */
async function foreignAuthority(): Promise<forging.Forger> {
  const { key } = await platform.makeKey('P-256')
  return { ...(await platform.fleetAuthority('acme')), key }
}

describe('who is behind a connection', () => {
  test('A1 no certificate is refused where a device is due', async () => {
    const before = await platform.snapshot()
    for (const [method, path] of [
      ['GET', '/v1/me'],
      ['GET', '/v1/config'],
      ['POST', '/v1/renew'],
      ['GET', `/v1/registry/did:key:z6Mk`],
      ['GET', '/v1/fleets'],
      ['POST', '/v1/fleets/acme/devices/device-104/revoke'],
    ] as const) {
      expect(refusal(await platform.call(method, path)), path).toEqual(refused('certificate-required'))
    }
    const facts = await platform.since(before)
    expect(facts).toHaveLength(6)
    expect(facts[0]).toEqual(anonymously('certificate-required', me))
  })

  test('A1 an expired certificate of a foreign CA in our names is refused everywhere', async () => {
    const past = { notBefore: forging.time(Date.UTC(2020, 0)), notAfter: forging.time(Date.UTC(2021, 0)) }
    await expectNobody(await forged(await foreignAuthority(), past))
  })

  test('A1 a token does not help whom a certificate does not prove', async () => {
    const token = await platform.makeToken('acme')
    const { csr } = await platform.makeKey()
    const as = await forged(await foreignAuthority())
    const before = await platform.snapshot()
    const reply = await platform.call('POST', '/v1/enroll', {
      as,
      headers: { authorization: `Bearer ${token.text}` },
      body: { csr: pem('CERTIFICATE REQUEST', csr) },
    })
    expect(refusal(reply)).toEqual(refused('certificate-refused'))
    expect(await platform.since(before)).toEqual([anonymously('certificate-refused', 'POST /v1/enroll')])
  })

  test('A2 a self-signed certificate with a copied name is refused', async () => {
    const own = {
      key: device.key,
      subject: forging.commonName('device-104'),
      keyId: forging.keyIdOf(device.key.publicKey),
    }
    await expectNobody(await forged(own))
    await expectNobody(await forged({ ...own, keyId: (await platform.fleetAuthority('acme')).keyId }))
  })

  test("A2 a certificate by a foreign CA with our CA's name and key id is refused", async () => {
    await expectNobody(await forged(await foreignAuthority()))
  })

  test("A3 a fleet's CA cannot name a device of another fleet", async () => {
    const bolt = await platform.fleetAuthority('bolt')
    await expectNobody(await forged(bolt))
    await expectNobody(await forged(bolt, { uris: ['spiffe://platform.example.test/operator/local'] }))
    await expectNobody(await forged(platform.people()))
    await expectNobody(await forged(platform.people(), { uris: ['spiffe://acme.example.test/operator/local'] }))
  })

  test('A3 a device of one fleet sees nothing of another', async () => {
    const { did } = (await platform.call('GET', '/v1/me', { as: device.tls })).body
    await platform.grant(stranger, 'registry:read')
    const before = await platform.snapshot()
    const as = stranger.tls
    expect(refusal(await platform.call('GET', `/v1/registry/${did}`, { as }))).toEqual(refused('unknown'))
    for (const path of ['/log/acme/checkpoint', '/log/acme/tile/0/000.p/1', '/receipts/acme/0']) {
      expect(refusal(await platform.call('GET', path, { as })), path).toEqual(refused('not-found'))
    }
    const facts = await platform.since(before)
    expect(facts).toHaveLength(4)
    expect(facts[0]).toEqual(refusedBy('bolt/device/device-104', 'unknown', 'GET /v1/registry/:did'))
  })

  test('A4 a certificate with the issuer and serial of another but another key is refused', async () => {
    const thief = await platform.makeKey()
    const { spki } = thief.key.publicKey
    const serial = Buffer.from(device.certificate.serial, 'hex')
    const acme = await platform.fleetAuthority('acme')
    const twin = await forge(acme, { spki, serial, uris: [uriOf(device.path)] }, platform.clock.now())
    const before = await platform.snapshot()
    const reply = await platform.call('GET', '/v1/me', { as: withKey(twin, thief.pem) })
    expect(refusal(reply)).toEqual(refused('key-superseded'))
    expect(reply.body.identity).toBeUndefined()
    expect(await platform.since(before)).toEqual([refusedBy(device.path, 'key-superseded', me)])
  })

  test('A4 a name that only a stolen CA key knows of is refused', async () => {
    const before = await platform.snapshot()
    const uris = ['spiffe://acme.example.test/device/ghost']
    const reply = await platform.call('GET', '/v1/me', {
      as: await forged(await platform.fleetAuthority('acme'), { uris }),
    })
    expect(refusal(reply)).toEqual(refused('unknown'))
    expect(await platform.since(before)).toEqual([refusedBy('acme/device/ghost', 'unknown', me)])
  })

  test.each([
    'X-Forwarded-Client-Cert',
    'X-Forwarded-Tls-Client-Cert',
    'X-SSL-Client-Cert',
    'X-SSL-Client-S-DN',
    'X_SSL_CLIENT_CERT',
    'SSL_CLIENT_CERT',
    'X-Client-Cert',
    'Client-Cert',
    'X-Forwarded-User',
    'X-Device-Id',
  ])('A5 a caller is not who the header %s says', async name => {
    const value = encodeURIComponent(pem('CERTIFICATE', device.certificate.der))
    const before = await platform.snapshot()
    const headers = { [name]: value, 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' }
    expect(refusal(await platform.call('GET', '/v1/me', { headers }))).toEqual(refused('certificate-required'))
    expect(await platform.since(before)).toEqual([anonymously('certificate-required', me)])
    const { body } = await platform.call('GET', '/v1/me', { as: stranger.tls, headers })
    expect(body.identity).toBe(uriOf(stranger.path))
  })

  test('A6 a header stripped hop by hop leaves nobody, and nobody is refused', async () => {
    const headers = { connection: 'keep-alive, x-forwarded-tls-client-cert', 'x-forwarded-tls-client-cert': 'x' }
    expect(refusal(await platform.call('GET', '/v1/me', { headers }))).toEqual(refused('certificate-required'))
  })

  test('A7 the certificate says who it is, whatever the request says', async () => {
    const csr = pem('CERTIFICATE REQUEST', device.csr)
    const before = await platform.snapshot()
    const as = device.tls
    const other = await platform.call('POST', '/v1/renew', { as, body: { csr, name: 'device-105' } })
    expect(refusal(other)).toEqual(refused('renew-name'))
    for (const query of ['?name=device-105', '?device=device-105', '?identity=bolt/device/device-104']) {
      expect(refusal(await platform.call('GET', `/v1/me${query}`, { as })), query).toEqual(refused('bad-request'))
    }
    const headers = { 'x-device-id': 'device-105', from: 'device-105', cookie: 'device=device-105' }
    const { body } = await platform.call('GET', '/v1/me', { as, headers, body: { name: 'device-105' } })
    expect(body.identity).toBe(uriOf(device.path))
    expect(await platform.since(before)).toEqual([
      refusedBy(device.path, 'renew-name', 'POST /v1/renew'),
      refusedBy(device.path, 'bad-request', me, 3),
    ])
  })
})

describe('time and standing', () => {
  const get = 'GET /v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n'

  async function keepAlive(as: TlsClient): Promise<RawConnection<TLSSocket>> {
    const connection = await openTls(platform.port, as)
    expect((await connection.send(get).response())?.status).toBe(200)
    return connection
  }

  test('A8 A9 no session is ever resumed, not before a revocation and not after', async () => {
    const victim = await platform.enrollDevice('acme', 'resumes')
    const sessions: Buffer[] = []
    const connection = await openTls(platform.port, victim.tls)
    connection.socket.on('session', session => sessions.push(session))
    expect((await connection.send(get).response())?.status).toBe(200)
    const known = connection.socket.getSession()
    if (known) sessions.push(known)
    connection.close()

    const again = async (session: Buffer) => {
      const resumed = await openTls(platform.port, { ...victim.tls, session })
      const reply = await resumed.send(get).response()
      const reused = resumed.socket.isSessionReused()
      resumed.close()
      return { reused, status: reply?.status, code: reply?.body.code }
    }
    expect(sessions.length).toBeGreaterThan(0)
    for (const session of sessions) {
      expect(await again(session)).toEqual({ reused: false, status: 200, code: undefined })
    }
    await platform.revoke(victim)
    for (const session of sessions) {
      expect(await again(session)).toEqual({ reused: false, status: 403, code: 'revoked' })
      // Without the certificate the session alone would have to say who it is.
      const bare = await openTls(platform.port, { session })
      expect((await bare.send(get).response())?.body.code).toBe('certificate-required')
      expect(bare.socket.isSessionReused()).toBe(false)
      bare.close()
    }
  })

  test('A10 an open connection is closed by a revocation before its next request is answered', async () => {
    const victim = await platform.enrollDevice('acme', 'connected')
    const [busy, quiet] = [await keepAlive(victim.tls), await keepAlive(victim.tls)]
    const bystander = await keepAlive(device.tls)
    await platform.revoke(victim)
    // The revocation is acknowledged: from here on nothing is answered.
    busy.send(get)
    await Promise.all([busy.closed, quiet.closed])
    expect([...(await busy.responses()), ...(await quiet.responses())]).toEqual([])
    expect((await bystander.send(get).response())?.status).toBe(200)
    bystander.close()
  })

  test('A10 a connection that has asked nothing yet is closed by a revocation too', async () => {
    const victim = await platform.enrollDevice('acme', 'silent')
    const silent = await openTls(platform.port, victim.tls)
    // A handshake after it: the server has seen the end of the first one.
    ;(await openTls(platform.port, device.tls)).close()
    await platform.revoke(victim)
    expect(await silent.send(get).responses()).toEqual([])
  })

  test('A10 a request under way when its sender is revoked is not answered', async () => {
    const victim = await platform.enrollDevice('acme', 'half-way')
    const body = JSON.stringify({ csr: pem('CERTIFICATE REQUEST', victim.csr) })
    const head = `POST /v1/renew HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
    const connection = await keepAlive(victim.tls)
    connection.send(head + body.slice(0, 10))
    const before = await platform.snapshot()
    await platform.revoke(victim)
    connection.send(body.slice(10))
    expect(await connection.responses()).toEqual([])
    const [fact, ...more] = await platform.since(before)
    expect(fact?.kind).toBe('identity.revoked')
    expect(more.filter(({ kind }) => kind !== 'refused')).toEqual([])
  })

  test('A11 a certificate that expires while its holder is connected is refused from then on', async () => {
    const own = await startTestPlatform()
    try {
      await own.makeFleet('acme')
      const late = await own.enrollDevice('acme', 'late')
      const connection = await openTls(own.port, late.tls)
      expect((await connection.send(get).response())?.status).toBe(200)
      own.clock.advance(late.certificate.notAfter + 999 - own.clock.now() - 30_000)
      expect((await connection.send(get).response())?.status).toBe(200)
      own.clock.advance(31_000)
      const before = await own.snapshot()
      const reply = await connection.send(get).response()
      expect(reply?.status).toBe(401)
      expect(reply?.body).toMatchObject({ code: 'certificate-expired' })
      expect(reply?.body.identity).toBeUndefined()
      const renewal = await own.call('POST', '/v1/renew', {
        as: late.tls,
        body: { csr: pem('CERTIFICATE REQUEST', late.csr) },
      })
      expect(refusal(renewal)).toEqual(refused('certificate-expired'))
      connection.close()
      expect(await own.since(before)).toEqual([
        refusedBy(late.path, 'certificate-expired', me),
        refusedBy(late.path, 'certificate-expired', 'POST /v1/renew'),
      ])
    } finally {
      await own.stop()
    }
  })
})

describe('what a certificate is for', () => {
  test.each<[string, readonly string[] | null]>([
    ['serverAuth only', [purposes.serverAuth]],
    ['codeSigning only', [purposes.codeSigning]],
    ['any purpose', [purposes.any]],
    ['no purpose at all', null],
    ['clientAuth and serverAuth', [purposes.clientAuth, purposes.serverAuth]],
    ['clientAuth and any', [purposes.clientAuth, purposes.any]],
    ['clientAuth twice', [purposes.clientAuth, purposes.clientAuth]],
  ])('A12 a certificate of the right CA for %s is refused', async (_, usages) => {
    await expectNobody(await forged(await platform.fleetAuthority('acme'), { purposes: usages }))
  })

  test("A12 the platform's own server certificate opens no door", async () => {
    const home = dataFiles(platform.data).server
    const [cert, key] = ['cert.pem', 'key.pem'].map(file => readFileSync(join(home, file), 'utf8'))
    await expectNobody({ cert: cert!, key: key! })
    // Nor does one without the names that clients dial, nor one that the server CA made for a device.
    const uris = ['spiffe://platform.example.test/server']
    await expectNobody(await forged(platform.server(), { purposes: [purposes.serverAuth], uris }))
    await expectNobody(await forged(platform.server(), { purposes: [purposes.clientAuth] }))
    await expectNobody(await forged(platform.server(), { purposes: [purposes.serverAuth] }))
  })

  test("A13 a CA's own certificate used as a client's is refused", async () => {
    for (const [ledger, name, part] of [
      ['acme', 'fleet-ca-acme', 'certificate'],
      ['platform', 'people-ca', 'people'],
      ['platform', 'server-ca', 'server'],
    ] as const) {
      const key = readFileSync(join(dataFiles(platform.data).keeper, `${name}.pem`), 'utf8')
      const facts = await platform.facts(ledger)
      const body = facts.find(({ body }) => part in body)!.body as unknown as Record<string, Uint8Array>
      await expectNobody(withKey(body[part]!, key))
    }
  })

  test('A13 a leaf that says it is a CA is refused', async () => {
    const acme = await platform.fleetAuthority('acme')
    await expectNobody(await forged(acme, { basicConstraints: forging.isAuthority }))
    await expectNobody(await forged(acme, { keyUsage: forging.signsCertificates }))
    await expectNobody(
      await forged(acme, { basicConstraints: forging.isAuthority, keyUsage: forging.signsCertificates }),
    )
    await expectNobody(await forged(acme, { keyUsage: null }))
  })

  test('A13 a device cannot issue for another device', async () => {
    const acme = await platform.fleetAuthority('acme')
    const { certificate, key } = device
    const issuer = { key, subject: certificate.subject, keyId: forging.keyIdOf(key.publicKey) }
    const thief = await platform.makeKey()
    const { spki } = thief.key.publicKey
    for (const forger of [issuer, { ...issuer, keyId: acme.keyId }, { ...acme, key }]) {
      const leaf = await forge(forger, { spki, uris: [uriOf(device.path)] }, platform.clock.now())
      await expectNobody(withKey(leaf, thief.pem, certificate.der))
    }
  })

  test('A14 a device is refused on every path of operators', async () => {
    const before = await platform.snapshot()
    const paths = [
      ['GET', '/v1/fleets'],
      ['POST', '/v1/fleets'],
      ['GET', '/v1/fleets/acme'],
      ['GET', '/v1/fleets/acme/tokens'],
      ['POST', '/v1/fleets/acme/tokens'],
      ['POST', '/v1/fleets/acme/tokens/AAAAAAAAAAAAAAAAAAAAAA/revoke'],
      ['GET', '/v1/fleets/acme/devices'],
      ['GET', '/v1/fleets/acme/devices/device-104'],
      ['POST', '/v1/fleets/acme/devices/device-104/revoke'],
      ['POST', '/v1/fleets/acme/devices/device-104/decommission'],
      ['GET', '/v1/fleets/acme/config'],
      ['PUT', '/v1/fleets/acme/config'],
      ['GET', '/v1/fleets/acme/config/history'],
      ['POST', '/v1/fleets/acme/config/unset'],
      ['POST', '/v1/fleets/acme/devices/device-104/labels'],
      ['GET', '/v1/fleets/acme/devices/device-104/events'],
      ['GET', '/v1/fleets/acme/devices/device-104/why'],
      ['GET', '/v1/audit/acme'],
      ['GET', '/v1/audit/acme/0'],
      ['GET', '/v1/ceremony'],
      ['POST', '/v1/ceremony'],
    ] as const
    for (const [method, path] of paths) {
      const body = method === 'GET' ? undefined : {}
      expect(refusal(await platform.call(method, path, { as: device.tls, body })), path).toEqual(refused('forbidden'))
    }
    const facts = await platform.since(before)
    expect(facts).toHaveLength(paths.length)
    expect(facts.every(({ by, body }) => by === device.path && body.code === 'forbidden')).toBe(true)
  })

  test('A14 an operator is refused where a device is due, and a made-up station or root everywhere', async () => {
    const before = await platform.snapshot()
    expect(refusal(await platform.operator('GET', '/v1/config'))).toEqual(refused('forbidden'))
    const acme = await platform.fleetAuthority('acme')
    for (const role of ['station', 'root']) {
      const as = await forged(acme, { uris: [`spiffe://acme.example.test/${role}/device-104`] })
      expect(refusal(await platform.call('GET', '/v1/me', { as })), role).toEqual(refused('unknown'))
    }
    const as = await forged(platform.people(), { uris: ['spiffe://platform.example.test/operator/mallory'] })
    expect(refusal(await platform.call('GET', '/v1/fleets', { as }))).toEqual(refused('unknown'))
    expect(await platform.since(before)).toEqual([
      refusedBy('platform/operator/local', 'forbidden', 'GET /v1/config'),
      refusedBy('platform/operator/mallory', 'unknown', 'GET /v1/fleets'),
      refusedBy('acme/station/device-104', 'unknown', me),
      refusedBy('acme/root/device-104', 'unknown', me),
    ])
  })

  test("A14 an operator's name with a device's key is refused", async () => {
    const as = await forged(platform.people(), { uris: ['spiffe://platform.example.test/operator/local'] })
    expect(refusal(await platform.call('GET', '/v1/fleets', { as }))).toEqual(refused('key-superseded'))
  })
})

describe('the handshake', () => {
  const noOpenssl = need('openssl')

  /** What a client of OpenSSL's sees; it is given one request to send. */
  const openssl = (...args: readonly string[]): Promise<string> =>
    new Promise(resolve => {
      const connect = `127.0.0.1:${platform.port}`
      const child = execFile('openssl', ['s_client', '-connect', connect, '-ign_eof', ...args], (_, out, complaints) =>
        resolve(out + complaints),
      )
      child.stdin?.on('error', () => undefined)
      child.stdin?.end('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    })

  test.skipIf(noOpenssl)('A15 only TLS 1.3 is spoken', async () => {
    expect(await openssl('-tls1_3')).toContain('{"ok":true}')
    const floor = ['-cipher', 'ALL:@SECLEVEL=0']
    for (const version of ['-tls1', '-tls1_1', '-tls1_2', '-no_tls1_3']) {
      const said = await openssl(version, ...floor)
      expect(said, version).not.toContain('{"ok":true}')
      expect(said, version).toMatch(/alert protocol version|no protocols available/)
    }
  })

  test.skipIf(noOpenssl)('J118 the signatures of Ed25519 and P-256 are asked for, and no others', async () => {
    const said = await openssl()
    expect(/^Requested Signature Algorithms: (.*)$/m.exec(said)?.[1]?.toLowerCase()).toBe('ed25519:ecdsa+sha256')
  })

  test.skipIf(noOpenssl)('A15 no early data is taken', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mintmark-early-'))
    const [session, early] = [join(directory, 'session'), join(directory, 'early')]
    writeFileSync(early, 'POST /v1/fleets HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
    await openssl('-sess_out', session)
    const said = await openssl('-sess_in', session, '-early_data', early)
    rmSync(directory, { recursive: true })
    expect(said).toMatch(/Early data was (?:not sent|rejected)/)
    expect(said).not.toMatch(/^Reused/m)
    expect(said).toContain('{"ok":true}')
  })

  test('A15 a client of TLS 1.2 is told so', async () => {
    await expect(openTls(platform.port, { maxVersion: 'TLSv1.2', ...device.tls })).rejects.toThrow(/protocol version/)
  })

  test.each<[string, Hello]>([
    ['a name of 300 bytes', { serverName: serverName('a'.repeat(300)) }],
    ['a name of 255 bytes', { serverName: serverName('a'.repeat(255)) }],
    ['a name with NUL', { serverName: serverName('local\0host') }],
    ['an empty name', { serverName: serverName('') }],
    ['no list of names', { serverName: Buffer.alloc(0) }],
    ['a list longer than itself', { serverName: Buffer.of(0xff, 0xff, 0, 0, 1, 65) }],
    ['a path and an encoding', { serverName: serverName('../%2e%2e/\u00ff\r\nHost: x') }],
  ])('A16 a server name that is %s leaves the process alive', async (_, hello) => {
    const before = await platform.snapshot()
    const connection = await openTcp(platform.port)
    connection.send(clientHello(hello))
    await answered(connection)
    connection.close()
    expect((await platform.call('GET', '/healthz')).status).toBe(200)
    expect(await platform.since(before)).toEqual([])
  })

  test.each<[string, Hello]>([
    ['of another protocol', { protocols: protocolNames('smb') }],
    ['of 255 bytes', { protocols: protocolNames('\xff'.repeat(255)) }],
    ['that is empty', { protocols: protocolNames('') }],
    ['that breaks its list', { protocols: Buffer.of(0, 9, 200, 1) }],
  ])('A16 a protocol name %s closes the connection', async (_, hello) => {
    const connection = await openTcp(platform.port)
    connection.send(clientHello(hello))
    await connection.closed
    // One alert and no handshake: content type 21.
    expect(connection.received.charCodeAt(0)).toBe(21)
    expect((await platform.call('GET', '/healthz')).status).toBe(200)
  })

  test('A16 no server name is needed, and a wrong one changes nothing', async () => {
    for (const servername of ['', 'bolt.example.test', 'platform.example.test']) {
      const connection = await openTls(platform.port, { ...device.tls, servername })
      const reply = await connection.send('GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n').response()
      expect(reply?.body.identity, servername).toBe(uriOf(device.path))
      connection.close()
    }
  })

  test.each([
    ['plain HTTP', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a PROXY line', 'PROXY TCP4 10.0.0.1 10.0.0.2 1234 8443\r\n'],
    ['a PROXY header of version 2', Buffer.from('0d0a0d0a000d0a515549540a21110000', 'hex')],
    ['noise', Buffer.alloc(600, 0xa5)],
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ])('A17 %s on the TLS port is closed', async (_, bytes) => {
    const before = await platform.snapshot()
    const connection = await openTcp(platform.port)
    connection.send(bytes)
    await connection.closed
    expect(connection.received).not.toContain('HTTP/')
    expect((await platform.call('GET', '/healthz')).status).toBe(200)
    expect(await platform.since(before)).toEqual([])
  })

  test('A17 a PROXY line before a good handshake is closed', async () => {
    const connection = await openTcp(platform.port)
    connection.send(Buffer.concat([Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n'), clientHello({})]))
    await connection.closed
    expect((await platform.call('GET', '/healthz')).status).toBe(200)
  })

  test('A17 J118 a key that is neither Ed25519 nor P-256 is not asked for its signature, and proves nobody', async () => {
    const acme = await platform.fleetAuthority('acme')
    for (const { publicKey, privateKey } of [
      generateKeyPairSync('rsa', { modulusLength: 2_048 }),
      generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    ]) {
      const spki = publicKey.export({ type: 'spki', format: 'der' })
      const leaf = await forge(acme, { spki, uris: [uriOf(device.path)] }, platform.clock.now())
      const as = withKey(leaf, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
      // TLS says which signatures are taken, so a client that has no other shows no certificate.
      const before = await platform.snapshot()
      expect(refusal(await platform.call('GET', '/v1/me', { as }))).toEqual(refused('certificate-required'))
      expect(await platform.since(before)).toEqual([anonymously('certificate-required', me)])
    }
  })

  test('A13 a certificate that begins tomorrow is refused until then', async () => {
    const now = platform.clock.now()
    const as = await forged(await platform.fleetAuthority('acme'), {
      notBefore: forging.time(now + day),
      notAfter: forging.time(now + 2 * day),
    })
    expect(refusal(await platform.call('GET', '/v1/me', { as }))).toEqual(refused('certificate-refused'))
  })

  /** Until the server has said something, be it a ServerHello or an alert, or has closed. */
  async function answered(connection: RawConnection): Promise<void> {
    while (connection.received === '' && !connection.isClosed) await new Promise(resolve => setImmediate(resolve))
  }
})
