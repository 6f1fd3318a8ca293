import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, createSecureContext, getCACertificates } from 'node:tls'
import { Refused } from '@mintmark/core/errors'

/** Whom sinks are proven by: TLS as Node sets it up, with the CAs that it trusts and the operator's. */
export type SinkTrust = NonNullable<ConnectionOptions['secureContext']>

const oneCertificate = /-----BEGIN CERTIFICATE-----[^-]*(?:-----END CERTIFICATE-----)?/g

/**
 * @param file certificates of the operator's CAs, PEM, with whatever text between them; they come on top of those that
 * Node trusts
 * @throws Refused `bad-sink-ca`
 */
export function readSinkTrust(file?: string): SinkTrust {
  if (file === undefined) return createSecureContext()
  try {
    const text = readFileSync(file, 'utf8')
    if (text.includes('PRIVATE KEY-----')) throw new Error('it has a private key, which stays at the CA')
    const own = text.match(oneCertificate) ?? []
    if (own.length === 0) throw new Error('it has no certificate in PEM')
    for (const each of own) new X509Certificate(each)
    return createSecureContext({ ca: [...getCACertificates('default'), ...own] })
  } catch (cause) {
    throw new Refused('bad-sink-ca', `${file}: ${(cause as Error).message}`, { cause })
  }
}

/** What holds a server to the name in the URL, for `connect` of `node:tls`. */
export function tlsTo(url: URL, trust: SinkTrust) {
  const host = hostOf(url)
  return {
    host,
    // RFC 6066 3: no addresses in server_name. The certificate is still checked for the address.
    servername: isIP(host) === 0 ? host : '',
    secureContext: trust,
    // Said, because NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise switch it off.
    rejectUnauthorized: true,
  } as const
}

/** A connection for HTTP, to a server that has proven itself where the URL says https. Nothing was written on it. */
export function dial(url: URL, trust: SinkTrust, patience: number): Promise<Socket> {
  const isSecure = url.protocol === 'https:'
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port)
  return new Promise((resolve, reject) => {
    const socket = isSecure
      ? connectTls({ ...tlsTo(url, trust), port, ALPNProtocols: ['http/1.1'] })
      : connect({ host: hostOf(url), port })
    const late = () => socket.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' }))
    const timer = setTimeout(late, patience)
    socket.once('close', () => clearTimeout(timer))
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
    // Stays on: an error without a listener, before HTTP has the socket, would end the process.
    socket.on('error', reject)
  })
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '')
