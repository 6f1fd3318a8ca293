import { generateKeyPairSync, sign } from 'node:crypto'
import { pem } from '@mintmark/core/bytes'
import { admitSpki } from '@mintmark/core/keys'
import { signSigningRequest } from '@mintmark/core/signed'

/** A fresh P-256 key, PKCS#8, and its signing request, both PEM. */
export async function makeDeviceKey(): Promise<{ readonly key: string; readonly csr: string }> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = {
    publicKey: admitSpki(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))),
    sign: (message: Uint8Array) =>
      new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  }
  const csr = pem('CERTIFICATE REQUEST', await signSigningRequest(key))
  return { key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })), csr }
}
