import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'

/** One enrollment that was acknowledged, as its reply said. */
export interface Acknowledged {
  readonly token: string
  readonly identity: string
  readonly serial: string
  /** Base64 of the public key's SPKI. */
  readonly spki: string
  /** PEM. */
  readonly certificate: string
  readonly receipt: Receipt
}

/** As it came: bytes in base64, the checkpoint a signed note. */
export interface Receipt {
  readonly origin: string
  readonly index: number
  readonly entry: string
  readonly proof: readonly string[]
  readonly checkpoint: string
}

/**
 * What the platform acknowledged, kept by its clients: in a file of their own, where it is before anyone goes on. What
 * is here must be on the platform after any fault.
 */
export class Oracle {
  readonly #path: string
  readonly #file: number

  constructor(path: string) {
    this.#path = path
    this.#file = openSync(path, 'a', 0o600)
  }

  acknowledge(fact: Acknowledged): void {
    writeSync(this.#file, `${JSON.stringify(fact)}\n`)
    fsyncSync(this.#file)
  }

  /** Read back from the file, in order. */
  all(): Acknowledged[] {
    const lines = readFileSync(this.#path, 'utf8').split('\n')
    return lines.filter(line => line !== '').map(line => JSON.parse(line) as Acknowledged)
  }

  close(): void {
    closeSync(this.#file)
  }
}
