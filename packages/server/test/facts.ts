import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { admitSpki } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import { type Change, change } from '@mintmark/core/rules'
import type { LedgerSigner } from '../src/store/index.ts'

// Changes that a store takes by themselves, without a platform that was founded.

export function makeKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    publicKey: admitSpki(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))),
    sign: message => new Uint8Array(sign(null, message, privateKey)),
  }
}

/** The keys of all ledgers, made when they are first asked for. */
export function makeSigner(): { keys: Map<string, Key>; signer: (ledger: string) => LedgerSigner } {
  const keys = new Map<string, Key>()
  const signer = (ledger: string): LedgerSigner => {
    const key = keys.get(ledger) ?? makeKey()
    keys.set(ledger, key)
    return { origin: `${ledger}.example.test/ledger`, key }
  }
  return { keys, signer }
}

let at = 1_700_000_000_000
const day = 86_400_000

export const fact = (ledger: string): Change =>
  change({ kind: 'refused', at: at++, by: 'anonymous', ledger, body: { code: 'revoked', operation: 'none', count: 1 } })

export const fleet = (name: string): Change =>
  change({
    kind: 'fleet.created',
    at: at++,
    by: 'platform',
    ledger: 'platform',
    body: { fleet: name, key: makeKey().publicKey.spki, ledgerKey: makeKey().publicKey.raw, public: false },
  })

export const token = (id: string, uses = 1, more: { pattern?: string; replaces?: string } = {}, made = at++): Change =>
  change({
    kind: 'token.created',
    at: made,
    by: 'platform',
    ledger: 'platform',
    body: {
      token: id,
      role: 'gateway',
      secretHash: new Uint8Array(32),
      uses,
      expires: at + day,
      pattern: undefined,
      replaces: undefined,
      tier: 'software',
      ...more,
    },
  })

export const revoked = (id: string): Change =>
  change({ kind: 'token.revoked', at: at++, by: 'platform', ledger: 'platform', body: { token: id } })

/** @param identity `acme/device/device-104`; with a token, a gateway of the platform */
export const enrolled = (identity: string, key = makeKey(), permit?: string, replaces?: string): Change =>
  change({
    kind: 'identity.enrolled',
    at: at++,
    by: 'platform',
    ledger: identity.split('/')[0]!,
    body: {
      identity,
      token: permit,
      replaces,
      spki: key.publicKey.spki,
      tier: 'software',
      serial: randomBytes(16).toString('hex'),
      notAfter: at + day,
      certificate: new Uint8Array(1),
    },
  })

export const ended = (identity: string): Change =>
  change({
    kind: 'identity.revoked',
    at: at++,
    by: 'platform',
    ledger: 'platform',
    body: { identity, reason: 'a test' },
  })

export const granted = (by: string, identity: string, grants: string): Change =>
  change({ kind: 'operator.granted', at: at++, by, ledger: 'platform', body: { identity, grants, reason: 'a test' } })

/** The same, done by someone else. */
export const act = (by: string, { kind, at, ledger, body }: Change): Change => change({ kind, at, by, ledger, body })

export const labelled = (identity: string, labels: string): Change => {
  const body = { identity, labels, reason: undefined }
  return change({ kind: 'device.labelled', at: at++, by: 'platform', ledger: identity.split('/')[0]!, body })
}
