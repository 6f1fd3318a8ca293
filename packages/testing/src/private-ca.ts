import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** PEM files of a TLS server. */
export interface ServerFiles {
  readonly cert: string
  readonly key: string
}

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** A CA as a company has one for its brokers, made by openssl, with all that it issues in a directory of its own. */
export class PrivateCa {
  readonly #directory = mkdtempSync(join(tmpdir(), 'mintmark-private-ca-'))
  #count = 0

  constructor() {
    this.#openssl('req', '-x509', ...curve, '-days', '2', '-subj', '/CN=Our CA', '-keyout', 'ca.key', '-out', 'ca.pem')
  }

  /** Its certificate, PEM. */
  get file(): string {
    return join(this.#directory, 'ca.pem')
  }

  /**
   * @param names as openssl takes them: `DNS:localhost`, `IP:127.0.0.1`
   * @param days of its life from now; -1 for one that is over
   */
  issue(names: string, days = 1): ServerFiles {
    const [name, cert, key] = this.#next()
    writeFileSync(join(this.#directory, `${name}.ext`), `subjectAltName=${names}\n`)
    this.#openssl('req', ...curve, '-subj', '/CN=server', '-keyout', `${name}.key`, '-out', `${name}.csr`)
    const files = ['-in', `${name}.csr`, '-extfile', `${name}.ext`, '-out', `${name}.pem`]
    this.#openssl('x509', '-req', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-days', String(days), ...files)
    return { cert, key }
  }

  /** A certificate that nobody vouches for. */
  selfSigned(names: string): ServerFiles {
    const [name, cert, key] = this.#next()
    const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
    this.#openssl('req', '-x509', ...curve, '-subj', '/CN=server', '-addext', `subjectAltName=${names}`, ...files)
    return { cert, key }
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #next(): [name: string, cert: string, key: string] {
    this.#count++
    const name = `server-${this.#count}`
    return [name, join(this.#directory, `${name}.pem`), join(this.#directory, `${name}.key`)]
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: 'pipe' })
  }
}
