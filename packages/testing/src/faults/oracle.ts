import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'

/** One certificate that was handed out, as the reply said. */
export interface Acknowledged {
  /** `enrolled` or `renewed`. */
  readonly kind: 'enrolled' | 'renewed'
  /** The id of the token that was shown; '' for a renewal. */
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

/** What a client was told, and relies on from then on. */
export type Told =
  | ({ readonly told: 'certificate' } & Acknowledged)
  | { readonly told: 'token'; readonly token: string; readonly uses: number }
  | { readonly told: 'token spent'; readonly token: string }
  | { readonly told: 'token revoked'; readonly token: string }
  | { readonly told: 'device revoked'; readonly identity: string }

/**
 * What the platform acknowledged, kept by its clients: in a file of their own, where it is before anyone goes on. What
 * is here must be on the platform after any fault.
 */
export class Oracle {
  readonly #path: string
  readonly #file: number
  #count = 0

  constructor(path: string) {
    this.#path = path
    this.#file = openSync(path, 'a+', 0o600)
  }

  acknowledge(told: Told): void {
    writeSync(this.#file, `${JSON.stringify(told)}\n`)
    fsyncSync(this.#file)
    this.#count++
  }

  get count(): number {
    return this.#count
  }

  /** Read back from the file, in order. */
  all(): Told[] {
    return linesOf(readFileSync(this.#path))
  }

  /** Bytes of the file. */
  get size(): number {
    return fstatSync(this.#file).size
  }

  /** What came between two sizes. */
  between(from: number, to: number): Told[] {
    const bytes = Buffer.alloc(to - from)
    readSync(this.#file, bytes, 0, bytes.length, from)
    return linesOf(bytes)
  }

  close(): void {
    closeSync(this.#file)
  }
}

const linesOf = (bytes: Buffer): Told[] =>
  bytes
    .toString()
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Told)
