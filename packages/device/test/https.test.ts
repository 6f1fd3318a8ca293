import { createServer as createTcpServer, connect as dialTcp, type Socket } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '../src/https.ts'
import { listen } from './listening.ts'
import { day, makePki, makeServed, type Pki } from './pki.ts'

const now = () => Date.now()
const answer = (status: string, body: string, type = 'application/json') =>
  `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`

let ours: Pki
let others: Pki

beforeAll(async () => {
  ours = await makePki()
  others = await makePki()
})

/** A TLS server that keeps what it is sent, decrypted, and answers everything alike. */
async function recorder(options: TlsOptions, reply = answer('200 OK', '{"fine":true}')) {
  const received: (Buffer | string)[] = []
  const server = createServer(options, socket => {
    socket.on('error', () => socket.destroy())
    socket.on('data', chunk => {
      received.push(chunk)
      socket.write(reply, 'latin1')
    })
  })
  const { url, stop } = await listen(server)
  return { url, stop, received: () => received.join('') }
}

describe('a platform that proves itself', () => {
  test('gets the request, and its reply comes with the domain it proved', async () => {
    const { url, received, stop } = await recorder(await makeServed(ours.server))
    const platform = connect({ url, anchor: ours.root.der, now })
    expect(await platform.get('/v1/me')).toEqual({ status: 200, body: { fine: true }, domain: 'example.test' })
    await platform.post('/v1/enroll', { csr: 'x' }, 'mmt1_secret')
    platform.close()
    await stop()
    expect(received()).toMatch(/^GET \/v1\/me HTTP\/1\.1\r\n/)
    expect(received().toLowerCase()).toContain('authorization: bearer mmt1_secret\r\n')
    expect(received()).toMatch(/\{"csr":"x"\}$/)
  })

  test('is reached by address where its certificate has the address', async () => {
    const { url } = await recorder(await makeServed(ours.server))
    const platform = connect({ url: url.replace('localhost', '127.0.0.1'), anchor: ours.root.der, now })
    expect((await platform.get('/')).body).toEqual({ fine: true })
    platform.close()
  })

  test('and goes away: everyone who waits for a turn hears it, and nobody waits for ever', async () => {
    const sockets: { destroy(): void }[] = []
    const server = createServer(await makeServed(ours.server), socket => {
      sockets.push(socket)
      socket.on('error', () => socket.destroy())
    })
    const { url, stop } = await listen(server)
    const platform = connect({ url, anchor: ours.root.der, now })
    onTestFinished(() => platform.close())
    const asked = Array.from({ length: 40 }, () => platform.get('/'))
    const settled = Promise.allSettled(asked)
    while (sockets.length < 4) await new Promise(resolve => setTimeout(resolve, 10))
    const stopped = stop()
    for (const socket of sockets) socket.destroy()
    await stopped
    const codes = (await settled).map(each => (each as PromiseRejectedResult).reason.code)
    expect(codes).toEqual(Array(40).fill('unreachable'))
    // No more than four at once, whatever comes.
    expect(sockets).toHaveLength(4)
  })

  /** Hands every connection on to a port, but for the first so many, which it lets go. */
  async function lettingGo(first: number, port: number) {
    let connections = 0
    const server = createTcpServer(socket => {
      socket.on('error', () => socket.destroy())
      if (++connections <= first) return void socket.resetAndDestroy()
      const to = dialTcp(port, '127.0.0.1')
      to.on('error', () => socket.destroy())
      socket.pipe(to).pipe(socket)
    })
    const { url, stop } = await listen(server)
    return { url, stop, connections: () => connections }
  }

  test('is dialled once more where the connection was let go before it was secure', async () => {
    const { url, received, stop } = await recorder(await makeServed(ours.server))
    const balancer = await lettingGo(1, Number(new URL(url).port))
    const platform = connect({ url: balancer.url, anchor: ours.root.der, now })
    expect((await platform.post('/v1/enroll', { csr: 'x' })).status).toBe(200)
    platform.close()
    await Promise.all([stop(), balancer.stop()])
    expect(balancer.connections()).toBe(2)
    expect(received().match(/POST/g)).toHaveLength(1)
  })

  test('and is not dialled for ever', async () => {
    const balancer = await lettingGo(10, 1)
    const platform = connect({ url: balancer.url, anchor: ours.root.der, now })
    await expect(platform.get('/')).rejects.toMatchObject({ code: 'unreachable' })
    platform.close()
    await balancer.stop()
    expect(balancer.connections()).toBe(2)
  })

  test('is asked again over the same connection', async () => {
    let connections = 0
    const server = createServer(await makeServed(ours.server), socket => {
      connections++
      socket.on('data', () => socket.write(answer('200 OK', '{}')))
    })
    const { url } = await listen(server)
    const platform = connect({ url, anchor: ours.root.der, now })
    for (let i = 0; i < 5; i++) await platform.get('/')
    platform.close()
    expect(connections).toBe(1)
  })
})

const impostors: Record<string, () => Promise<TlsOptions>> = {
  'another root': async () => makeServed(others.server),
  'the pinned root, but a name that is not the platform': async () =>
    makeServed(ours.server, { name: { fleet: 'acme', role: 'server', name: '' } }),
  'the certificate of a device': async () =>
    makeServed(ours.acme, { name: { fleet: 'acme', role: 'device', name: 'd-1' } }),
  'a fleet CA that poses as the platform': async () => makeServed(ours.acme),
  'a fleet CA that poses within its own constraints': async () =>
    makeServed(ours.acme, { dnsNames: [], addresses: [] }),
  'the people CA': async () => makeServed(ours.people),
  'an expired certificate': async () =>
    makeServed(ours.server, { notBefore: Date.now() - 9 * day, notAfter: Date.now() - day }),
  'a certificate that is not valid yet': async () => makeServed(ours.server, { notBefore: Date.now() + day }),
  'another host': async () => makeServed(ours.server, { dnsNames: ['platform.example.test'] }),
  'no chain': async () => {
    const { key, cert } = await makeServed(ours.server)
    return { key, cert: cert.slice(0, cert.indexOf('-----BEGIN', 1)) }
  },
  'TLS 1.2': async () => ({ ...(await makeServed(ours.server)), maxVersion: 'TLSv1.2' }),
}

describe('a server with', () => {
  test.each(Object.keys(impostors))('%s is refused before it sees a byte', async name => {
    const { url, received, stop } = await recorder(await impostors[name]!())
    const platform = connect({ url, anchor: ours.root.der, now })
    await expect(platform.post('/v1/enroll', {}, 'mmt1_secret')).rejects.toMatchObject({ code: 'server-not-proven' })
    platform.close()
    await stop()
    expect(received()).toBe('')
  })

  test('a certificate that the clock handed in finds expired is refused before it sees a byte', async () => {
    const { url, received, stop } = await recorder(await makeServed(ours.server))
    const platform = connect({ url, anchor: ours.root.der, now: () => Date.now() + 31 * day })
    await expect(platform.get('/')).rejects.toMatchObject({ code: 'server-not-proven' })
    platform.close()
    await stop()
    expect(received()).toBe('')
  })

  test('a proof that comes when it was given up is sent nothing', async () => {
    const { url, received, stop } = await recorder(await makeServed(ours.server))
    const platform = connect({
      url,
      anchor: ours.root.der,
      // Asked between the handshake and the proof.
      now: () => {
        platform.close()
        return Date.now()
      },
    })
    await expect(platform.get('/v1/me')).rejects.toMatchObject({ code: 'unreachable' })
    await stop()
    expect(received()).toBe('')
  })

  test('another root is refused whatever the environment says', async () => {
    const { url, received } = await recorder(await makeServed(others.server))
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    onTestFinished(() => void vi.unstubAllEnvs())
    const platform = connect({ url, anchor: ours.root.der, now })
    await expect(platform.get('/')).rejects.toMatchObject({ code: 'server-not-proven' })
    expect(received()).toBe('')
  })

  test('no TLS at all is refused, and sees a handshake only', async () => {
    let seen = ''
    const server = createTcpServer(socket => {
      socket.on('data', chunk => {
        seen += chunk.toString('latin1')
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
      })
    })
    const { url } = await listen(server)
    const platform = connect({ url, anchor: ours.root.der, now })
    await expect(platform.post('/', {}, 'mmt1_secret')).rejects.toMatchObject({ code: 'server-not-proven' })
    expect(seen).not.toContain('mmt1_secret')
  })
})

describe('is unreachable', () => {
  test('where nobody listens', async () => {
    const { url, stop } = await listen(createTcpServer())
    await stop()
    const platform = connect({ url, anchor: ours.root.der, now })
    await expect(platform.get('/')).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('what hangs up before the handshake', async () => {
    const { url } = await listen(createTcpServer(socket => socket.destroy()))
    const platform = connect({ url, anchor: ours.root.der, now })
    await expect(platform.get('/')).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('what says nothing, as soon as nobody wants to wait any more', async () => {
    const isDialed = Promise.withResolvers<Socket>()
    const { url } = await listen(createTcpServer(isDialed.resolve))
    const platform = connect({ url, anchor: ours.root.der, now })
    const asked = platform.get('/')
    asked.catch(() => undefined)
    const socket = (await isDialed.promise).resume()
    platform.close()
    await expect(asked).rejects.toMatchObject({ code: 'unreachable', detail: expect.stringContaining('given up') })
    if (!socket.closed) await new Promise(resolve => socket.once('close', resolve))
  })

  test('what hangs up after the request', async () => {
    const server = createServer(await makeServed(ours.server), socket => socket.on('data', () => socket.destroy()))
    const { url } = await listen(server)
    const platform = connect({ url, anchor: ours.root.der, now })
    await expect(platform.post('/', {})).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('what hangs up in the middle of its reply', async () => {
    const half = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"a"'
    const server = createServer(await makeServed(ours.server), socket => socket.on('data', () => socket.end(half)))
    const { url } = await listen(server)
    const platform = connect({ url, anchor: ours.root.der, now })
    await expect(platform.get('/')).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('a host that does not exist', async () => {
    const platform = connect({ url: 'https://nowhere.invalid:8443', anchor: ours.root.der, now })
    await expect(platform.get('/')).rejects.toMatchObject({ code: 'unreachable' })
  })
})

describe('a reply', () => {
  const ask = async (reply: string) => {
    const { url } = await recorder(await makeServed(ours.server), reply)
    const platform = connect({ url, anchor: ours.root.der, now })
    try {
      return await platform.get('/')
    } finally {
      platform.close()
    }
  }

  test('that refuses is the code of the refusal, with its own words where they say more', async () => {
    const plain = '{"code":"token-spent","message":"Every use of the token is spent."}'
    const more = '{"code":"forbidden","message":"Operators of acme only.","hint":"ask ann"}'
    await expect(ask(answer('403 Forbidden', plain))).rejects.toMatchObject({ code: 'token-spent', detail: undefined })
    await expect(ask(answer('403 Forbidden', more))).rejects.toMatchObject({
      code: 'forbidden',
      detail: 'Operators of acme only.',
      hint: 'ask ann',
    })
  })

  test.each([
    ['an unknown code', answer('403 Forbidden', '{"code":"toString"}')],
    ['a refusal without a code', answer('500 Oops', '[]')],
    ['a page', answer('502 Bad Gateway', '<html>', 'text/html')],
    ['a redirect', 'HTTP/1.1 302 Found\r\nlocation: https://localhost/\r\ncontent-length: 0\r\n\r\n'],
    ['broken JSON', answer('200 OK', '{"a":')],
    ['what is not UTF-8', answer('200 OK', '"\xff"')],
    ['more than 1 MB', answer('200 OK', `"${'x'.repeat(1_048_576)}"`)],
  ])('with %s is a fault and no refusal', async (_, reply) => {
    const error = await ask(reply).catch(error => error)
    expect(error).toBeInstanceOf(Error)
    expect(error.code).toBeUndefined()
  })
})

test.each(['http://localhost:1', 'https://localhost:1/path', 'https://user@localhost:1', 'https://localhost:1/?a'])(
  'refuses the URL %s',
  url => {
    expect(() => connect({ url, anchor: ours.root.der, now })).toThrow(RangeError)
  },
)
