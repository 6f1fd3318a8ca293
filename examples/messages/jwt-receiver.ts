// A service that has nothing but `jose` receives messages as JWS. The device, further below, has the SDK.
import { Agent, webCryptoKey } from '@mintmark/agent'
import { base64url, generateKeyPair, jwtVerify } from 'jose'

const pair = await generateKeyPair('Ed25519')
const device = await Agent.create({ key: await webCryptoKey(pair, 'Ed25519') })

const me = 'did:web:hub.example.test'
const senders = new Map([[device.did, { key: pair.publicKey, scope: 'telemetry:write' }]])
const spent = new Map<string, number>()

async function receive(message: Uint8Array): Promise<Uint8Array> {
  const text = new TextDecoder().decode(message)
  const [, jws = '', encoded = ''] = /^([^~]+)~([\w-]+)$/.exec(text) ?? []
  const keyOf = ({ kid = '' }) => sender(kid).key
  const algorithms = ['Ed25519', 'EdDSA', 'ES256']
  const rules = { typ: 'mint+jwt', audience: me, maxTokenAge: 30, clockTolerance: 5, requiredClaims: ['jti'] }
  const { payload: claims, protectedHeader } = await jwtVerify(jws, keyOf, { ...rules, algorithms })
  // The signature is over the digest: nothing of the body is proven before this holds.
  const body = Uint8Array.from(base64url.decode(encoded))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body))
  if (claims.digest !== base64url.encode(digest)) throw new Error('the body is not the one that was signed')
  // Sealed, counted, on behalf of another: what is not known here is not taken for what is.
  const known = ['aud', 'cty', 'digest', 'iat', 'jti', 'ms', 'scope']
  if (!Object.keys(claims).every(name => known.includes(name))) throw new Error('a claim that is not known here')
  const { kid = '' } = protectedHeader
  if (claims.scope !== sender(kid).scope) throw new Error('for this it may not send')
  spend(`${kid} ${claims.jti}`)
  return body.subarray(16) // behind the salt
}

function sender(kid: string) {
  const found = senders.get(kid)
  if (!found) throw new Error('nobody knows this sender')
  return found
}

/** Once: for as long as it would be taken, by clocks that differ by 5 seconds. */
function spend(nonce: string): void {
  const now = Date.now()
  for (const [old, until] of spent) if (until < now) spent.delete(old)
  if (spent.has(nonce)) throw new Error('it was received before')
  spent.set(nonce, now + 41_000)
}

const told = (what: string, message: Uint8Array) =>
  receive(message).then(
    content => console.log(`${what}: ${new TextDecoder().decode(content)}`),
    (error: Error) => console.log(`${what}: ${error.message}`),
  )
const reading = { to: me, payload: { celsius: 21.5 }, scope: 'telemetry:write' }
const send = (change: object) => device.send({ ...reading, ...change }, { form: 'jws' })
const message = await send({})
await told('another body', message.with(-2, message.at(-2) === 65 ? 66 : 65))
await told('first', message)
await told('again', message)
await told('another scope', await send({ scope: 'doors:open' }))
await told('another receiver', await send({ to: 'did:web:other.example.test' }))
await told('on behalf', await send({ onBehalfOf: 'pump-2' }))
