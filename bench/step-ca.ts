import { createPrivateKey, randomUUID, sign, type webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { find } from '../scripts/services.ts'
import type { Servers } from './measure.ts'
import { type StepCaPlace, WrongUse } from './options.ts'
import { get, openLine, post, statusOf, type Target } from './raw-client.ts'

/** A step-ca that runs, and its way to say an enrollment: a signing request with a token that is good for one. */
export interface StepCa extends Servers {
  requests(csrs: readonly string[]): Buffer[]
}

/** @throws WrongUse where nothing answers there, or what is needed to make its tokens cannot be read */
export async function openStepCa({ url, root, provisioner, provisionerKey }: StepCaPlace): Promise<StepCa> {
  const [anchor, jwk] = [readText(root), readJwk(readText(provisionerKey), provisionerKey)]
  const target = { host: url.hostname, port: Number(url.port || 443), anchor }
  await checkThere(target, url)
  const makeToken = tokenMaker(jwk, provisioner, url)
  return {
    targets: [target],
    // A token each, as each is good for one certificate only; made again for every round.
    requests: csrs =>
      csrs.map((csr, i) => {
        const body = JSON.stringify({ csr, ott: makeToken(`device-${i}.example.test`) })
        return post('/1.0/sign', { 'content-type': 'application/json' }, body)
      }),
  }
}

async function checkThere(target: Target, url: URL): Promise<void> {
  try {
    const line = await openLine(target)
    const status = statusOf(await line.ask(get('/health')))
    line.close()
    if (status === 200) return
  } catch (error) {
    throw new WrongUse(`no step-ca at ${url.origin}: ${(error as Error).message}`, howToStart())
  }
  throw new WrongUse(`what answers at ${url.origin} is no step-ca`, howToStart())
}

function howToStart(): string {
  const missing = ['step', 'step-ca'].filter(command => find(command) === undefined)
  const install = missing.length === 0 ? '' : `${missing.join(' and ')} not installed here: install that, and `
  return `${install}start one as bench/README.md says; or leave --step-ca out`
}

interface ProvisionerKey extends webcrypto.JsonWebKey {
  readonly kid: string
}

function readJwk(text: string, path: string): ProvisionerKey {
  const jwk = parsed(text) as Partial<ProvisionerKey> | undefined
  if (jwk?.crv === 'P-256' && typeof jwk.d === 'string' && typeof jwk.kid === 'string') return jwk as ProvisionerKey
  throw new WrongUse(`${path} is not a private P-256 key as JWK with its kid`, 'see bench/README.md')
}

/** The tokens of its JWK provisioner: JWTs, signed with ES256, that name the device (RFC 7519). */
function tokenMaker(jwk: ProvisionerKey, provisioner: string, url: URL): (name: string) => string {
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  const header = base64url({ alg: 'ES256', kid: jwk.kid, typ: 'JWT' })
  return name => {
    const now = Math.floor(Date.now() / 1000)
    const times = { iat: now, nbf: now, exp: now + 3_600 }
    const who = { iss: provisioner, aud: `${url.origin}/1.0/sign`, sub: name, sans: [name], jti: randomUUID() }
    const signed = `${header}.${base64url({ ...who, ...times })}`
    return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new WrongUse((error as Error).message, 'see bench/README.md')
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
