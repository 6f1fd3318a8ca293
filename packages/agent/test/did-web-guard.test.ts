import { base58, base64url, utf8 } from '@mintmark/core/bytes'
import type { Code } from '@mintmark/core/errors'
import { didKey } from '@mintmark/core/keys'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeKey, type Refused } from '../src/index.ts'
import { isPublicAddress } from '../src/node/did-web/addresses.ts'
import { readDocument } from '../src/node/did-web/document.ts'
import { fetchDocument, publicWeb, type Web } from '../src/node/did-web/fetch.ts'
import { readDidWeb } from '../src/node/did-web/name.ts'
import { documentOf, TestWeb } from './web.ts'

// A stranger's name makes this process open a connection. What it must not lead to, and what must not come back.

describe('E78 a name', () => {
  test.each([
    ['did:web:example.test', 'example.test', undefined, '/.well-known/did.json'],
    ['did:web:a-b.example.test%3A8443', 'a-b.example.test', 8443, '/.well-known/did.json'],
    [
      'did:web:example.test:fleets:acme:devices:d.1_x',
      'example.test',
      undefined,
      '/fleets/acme/devices/d.1_x/did.json',
    ],
  ])('%s is read', (did, host, port, path) => {
    expect(readDidWeb(did)).toEqual({ did, host, port, path })
  })

  const odd: Record<string, readonly string[]> = {
    'an address': [
      '127.0.0.1',
      '10.0.0.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '1.1',
      'a.0x7f',
      '%5B%3A%3A1%5D',
    ],
    'no domain': [
      '',
      'localhost',
      'example.test.',
      '.example.test',
      'a..test',
      'EXAMPLE.test',
      'ex_ample.test',
      'exämple.test',
    ],
    'a user': ['me%40example.test', 'me@example.test', 'me%3Aword@example.test', 'me%3Aword%40example.test'],
    'another port': [
      'example.test%3A',
      'example.test%3A0',
      'example.test%3A443',
      'example.test%3A080',
      'example.test%3A65536',
      'example.test%3A+80',
      'example.test%3a8443',
      'example.test%3A80%3A81',
      'example.test%3A8e3',
    ],
    'another path': [
      'example.test:',
      'example.test:..',
      'example.test:.',
      'example.test:a:..:b',
      'example.test::a',
      'example.test:a:',
      'example.test:.well-known',
      'example.test:a%2Fb',
      'example.test:%2e%2e',
      'example.test:a/../b',
      'example.test:a\\b',
      'example.test:a?b',
      'example.test:a#b',
      'example.test:a%00',
      'example.test:a\r\nhost',
      'example.test%2Fa',
      'example.test/a',
      `example.test${':a'.repeat(17)}`,
      `example.test:${'a'.repeat(129)}`,
      'example.test:*',
    ],
  }
  for (const [what, names] of Object.entries(odd)) {
    test(`with ${what} is refused`, () => {
      for (const name of names) expect(() => readDidWeb(`did:web:${name}`), name).toThrow('bad-did')
    })
  }

  test('of another method is refused', () => {
    for (const did of [
      'did:key:example.test',
      'DID:web:example.test',
      'web:example.test',
      'https://example.test',
      '',
    ]) {
      expect(() => readDidWeb(did), did).toThrow('bad-did')
    }
  })
})

test('addresses of the Internet are public, and no others', () => {
  const open = [
    '1.1.1.1',
    '9.255.255.255',
    '172.15.0.1',
    '172.32.0.1',
    '192.167.1.1',
    '223.255.255.255',
    '2606:4700::1',
  ]
  const closed = [
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '100.100.100.200',
    '127.0.0.1',
    '127.255.255.254',
    '168.63.129.16',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.0.2.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:1.1.1.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b::101:101',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:10::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    '5f00::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    '2606:4700::1%eth0',
    'fec0::1',
    'ff02::1',
    '',
    'localhost',
    '127.1',
    '0x7f000001',
  ]
  expect(open.filter(address => !isPublicAddress(address))).toEqual([])
  expect(closed.filter(isPublicAddress)).toEqual([])
})

describe('E78 a fetch', () => {
  let web: TestWeb
  let port: number
  const path = '/.well-known/did.json'
  beforeEach(async () => {
    web = await TestWeb.start()
    port = await web.listen('example.test')
    web.put(path, { served: true })
  })
  afterEach(() => web.stop())

  const fetched = (by: Web = web.reach(), patience = 20_000): Promise<Code | 'fetched' | 'none'> =>
    fetchDocument(by, readDidWeb(`did:web:example.test%3A${port}`), patience).then(
      bytes => (bytes ? ('fetched' as const) : ('none' as const)),
      (error: Refused) => {
        if (error.code === undefined) throw error
        return error.code
      },
    )

  test('brings what is there, and says where nothing is', async () => {
    expect(await fetched()).toBe('fetched')
    web.pages.delete(path)
    expect(await fetched()).toBe('none')
  })

  test('goes to no address that is not public, be it one of many', async () => {
    const many = ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:127.0.0.1', 'fd00::1']
    for (const address of many) {
      web.addresses.set('example.test', [address])
      expect(await fetched(web.reach([])), address).toBe('did-document-refused')
      web.addresses.set('example.test', ['127.0.0.2', address])
      expect(await fetched(web.reach(['127.0.0.2'])), address).toBe('did-document-refused')
    }
    for (const none of [[], Array(33).fill('127.0.0.1')]) {
      web.addresses.set('example.test', none)
      expect(await fetched()).toBe('did-document-refused')
    }
    expect(web.asked).toEqual([])
  })

  test("by this machine's own resolver goes to none either", async () => {
    // `localhost` is no did:web, so the fetch is asked for it past the reader of names.
    const name = { ...readDidWeb('did:web:example.test'), host: 'localhost', port }
    await expect(fetchDocument(publicWeb, name, 20_000)).rejects.toMatchObject({ code: 'did-document-refused' })
  })

  test('E79 goes to the address that was checked, whatever the name says a moment later', async () => {
    await web.listen('example.test', { address: '127.0.0.2', port })
    const rebinding = web.reach(['127.0.0.1'], {
      resolve: async host => {
        web.resolved.push(host)
        return [{ address: web.resolved.length === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }]
      },
    })
    expect(await fetched(rebinding)).toBe('fetched')
    expect([web.resolved, web.asked]).toEqual([['example.test'], [`127.0.0.1 example.test ${path}`]])
    expect(await fetched(rebinding)).toBe('did-document-refused')
    expect(web.asked).toHaveLength(1)
  })

  test.each([301, 302, 303, 307, 308])('follows no redirect, %i', async status => {
    web.put('/elsewhere', { served: true })
    web.pages.set(path, (_request, response) => response.writeHead(status, { location: '/elsewhere' }).end())
    expect(await fetched()).toBe('did-document-refused')
    expect(web.asked).toEqual([`127.0.0.1 example.test ${path}`])
  })

  test('takes status 200 only', async () => {
    for (const [status, expected] of [
      [201, 'did-document-refused'],
      [203, 'did-document-refused'],
      [401, 'did-document-refused'],
      [404, 'none'],
      [410, 'none'],
      [429, 'unavailable'],
      [500, 'unavailable'],
      [503, 'unavailable'],
    ] as const) {
      web.pages.set(path, (_request, response) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
      })
      expect(await fetched(), String(status)).toBe(expected)
    }
  })

  test('takes JSON only, as it is', async () => {
    for (const [headers, expected] of [
      [{ 'content-type': 'application/did+json' }, 'fetched'],
      [{ 'content-type': 'application/json; charset=utf-8' }, 'fetched'],
      [{ 'content-type': 'text/html' }, 'did-document-refused'],
      [{ 'content-type': 'application/json; charset=utf-16' }, 'did-document-refused'],
      [{}, 'did-document-refused'],
      [{ 'content-type': 'application/json', 'content-encoding': 'gzip' }, 'did-document-refused'],
    ] as const) {
      web.pages.set(path, (_request, response) => response.writeHead(200, { ...headers }).end('{}'))
      expect(await fetched(), JSON.stringify(headers)).toBe(expected)
    }
  })

  test('takes 64 kB and no more, and does not wait for what is longer', async () => {
    const chunk = 'x'.repeat(65_536)
    const serve = (send: (write: (text: string) => void, end: () => void) => void) =>
      web.pages.set(path, (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        send(
          text => response.write(text),
          () => response.end(),
        )
      })
    serve((write, end) => {
      write(chunk)
      end()
    })
    expect(await fetched()).toBe('fetched')
    // It never ends.
    serve(write => write(`${chunk}x`))
    expect(await fetched()).toBe('did-document-refused')
    serve((write, end) => {
      for (let i = 0; i < 160; i++) write(chunk)
      end()
    })
    expect(await fetched()).toBe('did-document-refused')
  })

  test('waits for nobody for ever: a resolver, a server, a body', async () => {
    const never = new Promise<never>(() => undefined)
    expect(await fetched(web.reach(undefined, { resolve: () => never }), 200)).toBe('unavailable')
    web.pages.set(path, () => undefined)
    expect(await fetched(undefined, 200)).toBe('unavailable')
    web.pages.set(path, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{')
    })
    expect(await fetched(undefined, 200)).toBe('unavailable')
  })

  test('E79 believes no server that is not proven to be the host', async () => {
    const { anchors: _, ...strangers } = web.reach()
    expect(await fetched(strangers)).toBe('unavailable')
    port = await web.listen('other.test')
    expect(await fetched()).toBe('unavailable')
    port = await web.listen('example.test', { notAfter: Date.now() - 1_000 })
    expect(await fetched()).toBe('unavailable')
    expect(web.asked).toEqual([])
  })

  test('E79 believes none either where the environment says that all are', async () => {
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      port = await web.listen('other.test')
      expect(await fetched()).toBe('unavailable')
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
    }
    expect(web.asked).toEqual([])
  })

  test('has no answer from who is not there', async () => {
    web.addresses.set('example.test', ['127.0.0.2'])
    expect(await fetched()).toBe('unavailable')
    const away = () => Promise.reject(new Error('ENOTFOUND'))
    expect(await fetched(web.reach(undefined, { resolve: away }))).toBe('unavailable')
  })
})

describe('a document', async () => {
  const did = 'did:web:example.test'
  const keys = { ed: (await makeKey()).publicKey, p256: (await makeKey('P-256')).publicKey }
  const good = documentOf(did, didKey(keys.ed))
  const method = good.verificationMethod[0]!
  const read = (value: unknown) => readDocument(did, utf8(JSON.stringify(value))).map(didKey)
  const withMethod = (changed: object) => ({ ...good, verificationMethod: [{ ...method, ...changed }] })
  const jwkOf = (raw: Uint8Array) => ({
    kty: 'EC',
    crv: 'P-256',
    x: base64url(raw.subarray(1, 33)),
    y: base64url(raw.subarray(33)),
  })
  const asJwk = (publicKeyJwk: object) =>
    withMethod({ type: 'JsonWebKey', publicKeyMultibase: undefined, publicKeyJwk })

  test('says keys as multibase and as JWK, by long and short reference', () => {
    expect(read(good)).toEqual([didKey(keys.ed)])
    expect(read(documentOf(did, didKey(keys.p256), didKey(keys.ed)))).toEqual([didKey(keys.p256), didKey(keys.ed)])
    expect(read(asJwk(jwkOf(keys.p256.raw)))).toEqual([didKey(keys.p256)])
    expect(read(asJwk({ kty: 'OKP', crv: 'Ed25519', x: base64url(keys.ed.raw) }))).toEqual([didKey(keys.ed)])
    expect(read({ ...withMethod({ id: '#key' }), assertionMethod: ['#key'] })).toEqual([didKey(keys.ed)])
  })

  test('says only the keys that assert, and others may be of any kind', () => {
    const other = { id: `${did}#agreement`, type: 'X25519KeyAgreementKey2020', controller: did }
    expect(read({ ...good, verificationMethod: [method, other] })).toEqual([didKey(keys.ed)])
  })

  const { assertionMethod: _, ...nothingAsserts } = good
  const twice = [{ ...method }, { ...method, publicKeyMultibase: didKey(keys.p256).slice(8) }]
  const seventeen = Array.from({ length: 17 }, (_, i) => (i === 0 ? method : { ...method, id: `#key-${i}` }))
  const others = 'did:web:other.test#key'
  test.each<[string, unknown]>([
    ['the document of another', documentOf(`${did}:x`, didKey(keys.ed))],
    ['another id', { ...good, id: 'did:web:EXAMPLE.test' }],
    ['no object', [good]],
    ['null', null],
    ['no methods', { ...good, verificationMethod: [] }],
    ['nothing that asserts', nothingAsserts],
    ['a key for something else only', { ...nothingAsserts, authentication: good.assertionMethod }],
    ['a reference to nothing', { ...good, assertionMethod: [`${did}#other`] }],
    ["a reference to another's method", { ...good, assertionMethod: ['did:web:other.test#key'] }],
    ["another's method", { ...withMethod({ id: others }), assertionMethod: [others] }],
    ['a method inside the reference', { ...good, assertionMethod: [method] }],
    ['another controller', withMethod({ controller: 'did:web:other.test' })],
    ['no controller', withMethod({ controller: undefined })],
    ['one method twice', { ...good, verificationMethod: twice }],
    ['seventeen methods', { ...good, verificationMethod: seventeen }],
    [
      'a key of small order',
      withMethod({ publicKeyMultibase: `z${base58(Uint8Array.of(0xed, 1, 1, ...new Uint8Array(31)))}` }),
    ],
    ['no key', withMethod({ publicKeyMultibase: 'z' })],
    ['a key in base64', withMethod({ publicKeyMultibase: `u${base64url(keys.ed.raw)}` })],
    ['a key of another type', withMethod({ type: 'Ed25519VerificationKey2020' })],
    ['a key in both forms', withMethod({ publicKeyJwk: jwkOf(keys.p256.raw) })],
    ['a private key', asJwk({ ...jwkOf(keys.p256.raw), d: 'AA' })],
    ['a point beside the curve', asJwk({ ...jwkOf(keys.p256.raw), y: base64url(new Uint8Array(32)) })],
    ['a short coordinate', asJwk({ ...jwkOf(keys.p256.raw), x: 'AA' })],
    ['another curve', asJwk({ ...jwkOf(keys.p256.raw), crv: 'P-384' })],
  ])('with %s is refused', (_name, value) => {
    expect(() => read(value)).toThrow('did-document-refused')
  })

  test('that is not strict JSON is refused', () => {
    const text = JSON.stringify(good)
    for (const odd of [
      '',
      'x',
      `${text}x`,
      `\uFEFF${text}`,
      text.replace('{', `{"id":"${did}",`),
      `{"__proto__":${text}}`,
    ]) {
      expect(() => readDocument(did, utf8(odd)), odd).toThrow('did-document-refused')
    }
  })
})
