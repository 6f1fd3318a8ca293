import { generateKeyPairSync, sign } from 'node:crypto'
import { base64, base64url, pem, readPem } from '@mintmark/core/bytes'
import { admitSpki } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import { readCertificate, readToken, signSigningRequest } from '@mintmark/core/signed'
import { type Connection, connect, readHome } from '@mintmark/device'
import { dataFiles } from '@mintmark/server'
import type { Acknowledged, Receipt } from './oracle.ts'

/** A device that has not enrolled yet: a key in memory and the request that it signed. */
export interface Applicant {
  readonly key: Key
  /** PKCS#8, PEM: what TLS takes. */
  readonly pkcs8: string
  /** PEM. */
  readonly csr: string
}

/** A device that has. */
export interface Enrolled {
  readonly applicant: Applicant
  readonly certificate: Acknowledged
}

export async function makeApplicant(): Promise<Applicant> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key: Key = {
    publicKey: admitSpki(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))),
    sign: message => new Uint8Array(sign(null, message, privateKey)),
  }
  const pkcs8 = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return { key, pkcs8, csr: pem('CERTIFICATE REQUEST', await signSigningRequest(key)) }
}

export const makeApplicants = (count: number): Promise<Applicant[]> =>
  Promise.all(Array.from({ length: count }, makeApplicant))

/** Connections to the platform of a data directory that show nobody; a token is shown request by request. */
export function connectAnonymously(data: string): Connection {
  const { url, anchor } = readHome(dataFiles(data).operator)
  return connect({ url, anchor, now: Date.now })
}

/** Connections to the platform of a data directory as a device. */
export function connectAs(data: string, { applicant, certificate }: Enrolled): Connection {
  const { url, anchor } = readHome(dataFiles(data).operator)
  const identity = { certificate: certificate.certificate, key: Buffer.from(applicant.pkcs8) }
  return connect({ url, anchor, identity, now: Date.now })
}

/** Claims a use of a token. @throws Refused, `unreachable` where the reply was lost */
export async function claim(
  connection: Connection,
  token: string,
  { csr }: Applicant,
  name?: string,
): Promise<Acknowledged> {
  const { body } = await connection.post('/v1/enroll', { csr, ...(name !== undefined && { name }) }, token)
  return { kind: 'enrolled', token: tokenId(token), ...certified(body) }
}

/** Another certificate for the same key. */
export async function renewOver(connection: Connection, { csr }: Applicant): Promise<Acknowledged> {
  const { body } = await connection.post('/v1/renew', { csr })
  return { kind: 'renewed', token: '', ...certified(body) }
}

/** What a reply to an enrollment or a renewal has of the certificate. */
export function certified(body: unknown): Omit<Acknowledged, 'kind' | 'token'> {
  const { certificate, identity, receipt } = body as { certificate: string; identity: string; receipt: Receipt }
  const { serial, publicKey } = readCertificate(readPem('CERTIFICATE', certificate))
  return { identity, serial, spki: base64(publicKey.spki), certificate, receipt }
}

export const tokenId = (token: string): string => base64url(readToken(token).id)

/** `device-104` */
export const nameOf = ({ identity }: Pick<Acknowledged, 'identity'>): string => identity.split('/').at(-1)!
/** What an operator on the platform's own host does, with the operator home of its data directory. */
export class Operator {
  readonly #connection: Connection

  constructor(data: string) {
    const { url, anchor, certificate, keyFile } = readHome(dataFiles(data).operator)
    this.#connection = connect({ url, anchor, identity: { certificate, key: keyFile }, now: Date.now })
  }

  async createFleet(name: string): Promise<string> {
    const { body } = await this.#connection.post('/v1/fleets', { name })
    return (body as { state: string }).state
  }

  async fleets(): Promise<{ fleet: string; state: string }[]> {
    const { body } = await this.#connection.get('/v1/fleets')
    return (body as { fleets: { fleet: string; state: string }[] }).fleets
  }

  /** @returns the token's text */
  async createToken(fleet: string, uses: number, covers: { name?: string; pattern?: string } = {}): Promise<string> {
    const { body } = await this.#connection.post(`/v1/fleets/${fleet}/tokens`, { uses, ttl: 3_600_000, ...covers })
    return (body as { token: string }).token
  }

  async revokeToken(fleet: string, token: string): Promise<void> {
    await this.#connection.post(`/v1/fleets/${fleet}/tokens/${tokenId(token)}/revoke`, {})
  }

  async usesLeft(fleet: string, token: string): Promise<number> {
    const { body } = await this.#connection.get(`/v1/fleets/${fleet}/tokens?limit=1000`)
    const { tokens } = body as { tokens: { id: string; left: number }[] }
    return tokens.find(({ id }) => id === tokenId(token))!.left
  }

  async setConfiguration(fleet: string, configuration: object): Promise<void> {
    await this.#connection.put(`/v1/fleets/${fleet}/config`, { configuration })
  }

  async configurationVersion(fleet: string): Promise<number> {
    const { body } = await this.#connection.get(`/v1/fleets/${fleet}/config`)
    return (body as { version: number }).version
  }

  async labelDevice(fleet: string, name: string, ...labels: readonly string[]): Promise<void> {
    await this.#connection.post(`/v1/fleets/${fleet}/devices/${name}/labels`, { labels })
  }

  async setScope(
    fleet: string,
    name: string,
    rights: { readonly scopes: readonly string[]; readonly [more: string]: readonly string[] },
  ): Promise<void> {
    await this.#connection.put(`/v1/fleets/${fleet}/devices/${name}/scope`, rights)
  }

  async revokeDevice(fleet: string, name: string): Promise<void> {
    await this.#connection.post(`/v1/fleets/${fleet}/devices/${name}/revoke`, { reason: 'a test' })
  }

  close(): void {
    this.#connection.close()
  }
}
