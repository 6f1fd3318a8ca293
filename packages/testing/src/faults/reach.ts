import type { Connection } from '@mintmark/device'
import {
  type Applicant,
  claim,
  connectAnonymously,
  connectAs,
  type Enrolled,
  nameOf,
  Operator,
  renewOver,
} from './clients.ts'
import type { Acknowledged } from './oracle.ts'

/** What a client can ask of the platform for one fleet, however it reaches it. All throw Refused. */
export interface Reach {
  claim(token: string, applicant: Applicant): Promise<Acknowledged>
  renew(device: Enrolled): Promise<Acknowledged>
  /** A request of the device's own. */
  use(device: Enrolled): Promise<void>
  /** @returns the token's text */
  createToken(uses: number): Promise<string>
  revokeToken(token: string): Promise<void>
  usesLeft(token: string): Promise<number>
  revokeDevice(device: Enrolled): Promise<void>
  close(): void
}

/** Over TLS, as everyone does. */
export class OverSockets implements Reach {
  readonly #data: string
  readonly #fleet: string
  readonly #door: Connection
  readonly #operator: Operator

  constructor(data: string, fleet: string) {
    this.#data = data
    this.#fleet = fleet
    this.#door = connectAnonymously(data)
    this.#operator = new Operator(data)
  }

  claim(token: string, applicant: Applicant): Promise<Acknowledged> {
    return claim(this.#door, token, applicant)
  }

  renew(device: Enrolled): Promise<Acknowledged> {
    return this.#as(device, connection => renewOver(connection, device.applicant))
  }

  async use(device: Enrolled): Promise<void> {
    await this.#as(device, connection => connection.get('/v1/me'))
  }

  createToken(uses: number): Promise<string> {
    return this.#operator.createToken(this.#fleet, uses)
  }

  revokeToken(token: string): Promise<void> {
    return this.#operator.revokeToken(this.#fleet, token)
  }

  usesLeft(token: string): Promise<number> {
    return this.#operator.usesLeft(this.#fleet, token)
  }

  revokeDevice({ certificate }: Enrolled): Promise<void> {
    return this.#operator.revokeDevice(this.#fleet, nameOf(certificate))
  }

  close(): void {
    this.#door.close()
    this.#operator.close()
  }

  async #as<T>(device: Enrolled, ask: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = connectAs(this.#data, device)
    try {
      return await ask(connection)
    } finally {
      connection.close()
    }
  }
}
