import { type Code, type CodeWithHint, codes } from './codes.ts'

/**
 * What to do about a code, for a person who was asked for help: its hint, or where none is told to whoever is refused,
 * what stands here. `docs/errors.md` is bound to it by a test.
 */
export const adviceOn = (code: Code): string =>
  codes[code].hint ?? (advice as Readonly<Record<string, string | undefined>>)[code] ?? ''

const advice = {
  'bad-request': 'compare the request with the documentation of the operation; fields it does not know are refused too',
  'bad-json': 'send one JSON value in UTF-8, no name twice in an object, nothing after it',
  'bad-number': 'send a whole number inside the range that the field names',
  'bad-encoding':
    'encode again with a strict encoder: no line breaks, padding as the form has it, pad bits zero, hex in lower case',
  'bad-der': 'encode again as DER: definite minimal lengths, minimal integers, nothing left over',
  'bad-cbor': 'encode again as deterministic CBOR (RFC 8949 4.2.1)',
  'bad-pem': 'send exactly one block with the right label, and nothing before or after it',
  'bad-csr': 'make a PKCS#10 request with an Ed25519 or P-256 key; `mintmark enroll` does',
  'csr-signature': 'sign the request with the key that it names',
  'bad-certificate': 'use the certificate that the platform issued, unchanged',
  'bad-crl': 'fetch the list again from the platform',
  'bad-name': 'choose another name',
  'bad-fleet': 'choose another name',
  'bad-domain': 'give a domain such as `example.test`',
  'bad-identity': 'give the identifier as `whoami` prints it',
  'bad-did': 'give the identifier as `whoami` prints it',
  'bad-grants':
    'roles are admin, auditor, factory, fleet-operator and releaser; fleets are names with a comma between, or *',
  'bad-token': 'copy the token whole, without quotes or line breaks',
  'bad-statement': 'fetch the statement again; if it stays so, its sender makes another form',
  'statement-signature': 'do not rely on it: it was changed, or another key signed it',
  'key-refused':
    'make a new key with `mintmark enroll`, openssl or the key store; keys of small order and points off the curve are never admitted',
  'bad-checkpoint': 'fetch the checkpoint again; if it stays so, compare what others see of this ledger',
  'bad-proof': 'fetch proof and checkpoint again; if it stays so, keep both, they are evidence',
  'bad-request-file': 'carry the file over again, from `mintmark ceremony request`',
  'bad-answer': 'carry the file over again, from `mintmark-ceremony answer` to this very request',
  'too-large': 'send less at a time',
  'unsupported-media': 'set the content type that the operation documents',
  'not-found': 'check the path',
  'method-not-allowed': 'check the method',
  refused:
    "if the secret or the certificate should be good, ask the operator: the reason stands in the platform's log under the id",
  'certificate-refused':
    "send the leaf first, then its chain, all from this platform; compare `anchor.pem` with the platform's root",
  'slow-down': 'wait that long; after refusals find out why, after renewals why there were so many',
  forbidden: 'ask whoever runs the platform which identity may',
  unknown: 'enroll; a restored platform may be older than this certificate',
  revoked: 'ask the operator why; the device can enroll again under a new name',
  'key-superseded':
    'use the newest certificate of this home; if there is none, the key was copied or taken over: tell the operator',
  'key-in-use': 'make a new key; one key has one name',
  'token-unknown': 'look at `mintmark token list`',
  'token-expired': 'ask the operator for a new token',
  'token-revoked': 'ask the operator for a new token',
  'token-spent': 'ask the operator for a new token; if you did not spend it, tell them',
  'token-name': 'enroll under a name that the token covers, or ask for another token',
  'token-fleet': 'ask for a token of this fleet',
  'token-tier': 'enroll with a key in hardware, or ask for another token',
  'name-taken': 'choose another name, or ask for a token that replaces this device',
  'name-retired': 'choose another name',
  'device-unknown': 'look at `mintmark device list`',
  'operator-unknown': 'look at `mintmark operator list`',
  'fleet-unknown': 'look at `mintmark fleet list`',
  'fleet-exists': 'nothing, or choose another name',
  'already-done': 'nothing',
  'standing-final': 'nothing; a new device gets a new name',
  'renew-name': 'renew without naming anything, or enroll anew',
  'renew-key': 'sign the change of key with the old key, or enroll anew with a token that replaces',
  'no-receipt': 'ask for an index below the size of the newest checkpoint',
  'anchor-mismatch':
    'ask the operator for the address and a new token over a channel you trust; someone may stand between',
  'server-not-proven':
    "compare `anchor.pem` with the operator's; someone may stand between, or the platform was set up anew",
  'reply-refused': 'nothing of it was kept; try again, and if it stays so keep the reply for the operator',
  unreachable: 'check address, network and whether the platform runs',
  'wrong-passphrase': 'try again; without the passphrase the key is lost',
  'bad-database': 'say postgres://user@host:5432/name; the password may be in `PGPASSWORD`',
  'database-unfit':
    'mend the setting that the message names; it is one without which what was acknowledged can be lost',
  'ledger-broken': 'stop the platform, keep the data directory as it is, and compare it with a backup and a witness',
  unavailable: 'try again in a moment, with the same key and name: where it was done after all, the answer says so',
  broken: "give the id to the operator, who finds it in the platform's log",
  'bad-envelope': 'send the bytes as `send` made them; docs/spec/envelope.md has every rule',
  'bad-scope': 'write it in lower case, at most 16 segments',
  'algorithm-refused': 'sign with the key that is registered, by its own algorithm',
  'envelope-signature': 'do not rely on it: it was changed, or another key signed it',
  'body-refused': 'send envelope and body as they were made, unchanged',
  'other-audience': 'send it to the DID of the receiver',
  'sender-unknown': 'register the DID of the sender, or ask whoever runs the platform',
  'scope-refused':
    'give whoever was refused a scope that covers it, beside those that it has: `mintmark device scope`, or where the sender is registered',
  'recipient-refused': 'register the sender with this recipient',
  'gateway-refused': 'bind the device to the gateway first',
  'sequence-refused': 'register the sender with a sequence, or give it a clock',
  'bad-entry': 'fetch it again; if it stays so, verify the journal that it is from',
  'seal-refused': 'seal it to the current encryption key of the receiver',
} as const satisfies Readonly<Record<Exclude<Code, CodeWithHint>, string>>
