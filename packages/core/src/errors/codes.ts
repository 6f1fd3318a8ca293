interface CodeRow {
  /** HTTP status on the wire. */
  readonly status: number
  readonly seen: 'anyone' | 'proven'
  readonly message: string
  /** What to do next. */
  readonly hint?: string
}

export type Code = keyof typeof table
/** Codes that tell whoever is refused what to do. */
export type CodeWithHint = { [C in Code]: (typeof table)[C] extends { readonly hint: string } ? C : never }[Code]

const table = {
  // What was sent cannot be read.
  'bad-request': { status: 400, seen: 'anyone', message: 'The request is not of the form this operation takes.' },
  'bad-json': { status: 400, seen: 'anyone', message: 'The body is not one JSON value without repeated names.' },
  'bad-number': { status: 400, seen: 'anyone', message: 'A number is not a whole number in its range.' },
  'bad-encoding': { status: 400, seen: 'anyone', message: 'Text is not canonical base64, base64url, hex or UTF-8.' },
  'bad-der': { status: 400, seen: 'anyone', message: 'Bytes are not the strict DER this field takes.' },
  'bad-cbor': { status: 400, seen: 'anyone', message: 'Bytes are not deterministic CBOR.' },
  'bad-pem': { status: 400, seen: 'anyone', message: 'The text is not exactly one PEM block with the label expected.' },
  'private-key-sent': {
    status: 400,
    seen: 'anyone',
    message: 'A private key was sent. It was neither read nor stored, but treat it as lost.',
    hint: 'make a new key on the device; only the signing request leaves it',
  },
  'bad-csr': { status: 400, seen: 'anyone', message: 'The signing request is not a PKCS#10 request we accept.' },
  'csr-signature': {
    status: 400,
    seen: 'anyone',
    message: 'The signing request is not signed by the key it names (no proof of possession).',
  },
  'csr-name': {
    status: 400,
    seen: 'anyone',
    message: 'The signing request asks for a name, usage or validity. Those come from the token and the registry only.',
    hint: 'make the request with an empty subject and no extensions',
  },
  'bad-certificate': { status: 400, seen: 'anyone', message: 'The certificate is not of the profile we accept.' },
  'bad-crl': { status: 400, seen: 'anyone', message: 'The revocation list is not of the profile we accept.' },
  'bad-name': {
    status: 400,
    seen: 'anyone',
    message: 'A device name is 1 to 64 of a-z, 0-9, dot, underscore and hyphen, and begins with a letter or digit.',
  },
  'bad-fleet': {
    status: 400,
    seen: 'anyone',
    message: 'A fleet name is a DNS label: 1 to 63 of a-z, 0-9 and hyphen, and not reserved.',
  },
  'bad-label': {
    status: 400,
    seen: 'anyone',
    message: 'A label is key=value: 1 to 32 of a-z, 0-9 and hyphen, then 1 to 64 of those, dot and underscore.',
    hint: 'say site=berlin to set a label and -site to take it away, each key once',
  },
  'bad-domain': { status: 400, seen: 'anyone', message: 'A domain is two or more DNS labels in lower case.' },
  'bad-identity': { status: 400, seen: 'anyone', message: 'The identifier is not a SPIFFE ID of this form.' },
  'bad-did': {
    status: 400,
    seen: 'anyone',
    message: 'The identifier is no canonical did:key of a key we admit, and no did:web as we read it.',
  },
  'bad-grants': {
    status: 400,
    seen: 'anyone',
    message: 'Grants are role:fleets, each role once and all in order, such as auditor:acme fleet-operator:acme,beta.',
  },
  'bad-token': { status: 400, seen: 'anyone', message: 'The text is not an enrollment token.' },
  'bad-statement': { status: 400, seen: 'anyone', message: 'The statement is not of the form we accept.' },
  'statement-signature': { status: 400, seen: 'anyone', message: 'The statement is not signed by the key expected.' },
  'key-refused': {
    status: 400,
    seen: 'anyone',
    message: 'The key is not an Ed25519 or P-256 public key that is safe to name.',
  },
  'bad-checkpoint': { status: 400, seen: 'anyone', message: 'The checkpoint is not a signed note of this ledger.' },
  'bad-proof': { status: 400, seen: 'anyone', message: 'The Merkle proof does not lead to the root it claims.' },
  'bad-proof-file': {
    status: 400,
    seen: 'anyone',
    message: 'The file is not a proof as Mintmark writes them.',
    hint: 'make it again with mintmark audit prove',
  },
  'bad-request-file': { status: 400, seen: 'anyone', message: 'The file is not a ceremony request.' },
  'bad-answer': { status: 400, seen: 'anyone', message: 'The file is not an answer to this ceremony request.' },
  'too-large': { status: 413, seen: 'anyone', message: 'More bytes than this operation takes.' },
  'unsupported-media': { status: 415, seen: 'anyone', message: 'The operation does not take this content type.' },
  'not-found': { status: 404, seen: 'anyone', message: 'There is nothing here.' },
  'method-not-allowed': { status: 405, seen: 'anyone', message: 'The path does not take this method.' },

  // Who is asking.
  refused: { status: 401, seen: 'anyone', message: 'Refused.' },
  'certificate-required': {
    status: 401,
    seen: 'anyone',
    message: 'This path takes a client certificate.',
    hint: 'enroll first, then call with the certificate and the key',
  },
  'certificate-refused': { status: 401, seen: 'anyone', message: 'The client certificate does not prove an identity.' },
  'certificate-expired': {
    status: 401,
    seen: 'proven',
    message: 'The client certificate has expired.',
    hint: 'renew before expiry; ask the operator for a token that replaces this device',
  },
  'slow-down': {
    status: 429,
    seen: 'anyone',
    message: 'Too much of this from here. Wait as long as Retry-After says.',
  },
  'origin-refused': {
    status: 403,
    seen: 'anyone',
    message: 'A page of another site sent this request.',
    hint: 'open the console by the link that mintmark console prints',
  },
  'link-spent': {
    status: 401,
    seen: 'anyone',
    message: 'There is no such sign-in link, or it was used, or it is over.',
    hint: 'mintmark console prints another one; it opens one session, within two minutes',
  },
  'session-ended': {
    status: 401,
    seen: 'anyone',
    message: 'There is no such session, or it has ended.',
    hint: 'sign in again with the link that mintmark console prints',
  },
  forbidden: { status: 403, seen: 'proven', message: 'This identity may not do this.' },

  // What we know of them.
  unknown: { status: 403, seen: 'proven', message: 'The registry does not know this identity.' },
  revoked: { status: 403, seen: 'proven', message: 'This identity is revoked.' },
  decommissioned: {
    status: 410,
    seen: 'proven',
    message: 'This identity is decommissioned for good.',
    hint: 'mintmark wipe on the device (POST /v1/notice) fetches the signed notice and wipes the key; the name never comes back',
  },
  'not-decommissioned': {
    status: 409,
    seen: 'proven',
    message: 'This identity is not decommissioned, so there is no notice for it.',
    hint: 'nothing: the device goes on as it is',
  },
  'wipe-confirmed': {
    status: 409,
    seen: 'proven',
    message: 'Another confirmation of this wipe is recorded already.',
    hint: 'nothing: the first one stays',
  },
  'key-superseded': { status: 403, seen: 'proven', message: 'This key is no longer the current key of its name.' },
  'key-in-use': { status: 409, seen: 'proven', message: 'This key already belongs to an identity.' },

  // Permits.
  'token-unknown': { status: 404, seen: 'proven', message: 'There is no such token.' },
  'token-expired': { status: 403, seen: 'proven', message: 'The token has expired.' },
  'token-revoked': { status: 403, seen: 'proven', message: 'The token is revoked.' },
  'token-outdated': {
    status: 403,
    seen: 'proven',
    message: 'The key that this token replaces is not the current key of its name any more.',
    hint: 'ask the operator for a new token that replaces; if you did not use this one, tell them',
  },
  'token-spent': { status: 403, seen: 'proven', message: 'Every use of the token is spent.' },
  'token-name': { status: 403, seen: 'proven', message: 'The token does not cover this name.' },
  'token-fleet': { status: 403, seen: 'proven', message: 'The token is for another fleet.' },
  'token-tier': { status: 403, seen: 'proven', message: 'The token asks for a stronger kind of key.' },

  // Names and fleets.
  'name-taken': { status: 409, seen: 'proven', message: 'The name belongs to another key.' },
  'name-retired': {
    status: 409,
    seen: 'proven',
    message: 'The name was revoked or decommissioned and never comes back.',
  },
  'device-unknown': { status: 404, seen: 'proven', message: 'There is no such device.' },
  'operator-unknown': { status: 404, seen: 'proven', message: 'There is no such operator.' },
  'last-admin': {
    status: 409,
    seen: 'proven',
    message: 'This operator is the last who may do everything.',
    hint: 'grant admin for all fleets to another operator first',
  },
  'yourself-not-said': {
    status: 409,
    seen: 'proven',
    message: 'This is about the operator who asks.',
    hint: 'say --yourself if it is meant',
  },
  'fleet-unknown': { status: 404, seen: 'proven', message: 'There is no such fleet.' },
  'fleet-exists': { status: 409, seen: 'proven', message: 'The fleet exists already.' },
  'fleet-pending': {
    status: 409,
    seen: 'proven',
    message: 'The fleet waits for its ceremony.',
    hint: 'mintmark ceremony request, answer it at the air gap, mintmark ceremony merge',
  },
  'already-done': { status: 409, seen: 'proven', message: 'The ceremony answer is already merged.' },
  'too-many-labels': {
    status: 409,
    seen: 'proven',
    message: 'A device has at most 16 labels.',
    hint: 'take one away first, with -<key>',
  },
  'standing-final': { status: 409, seen: 'proven', message: 'Revocation and decommissioning are final.' },
  'renew-name': { status: 403, seen: 'proven', message: 'A renewal keeps the name and the fleet of the certificate.' },
  'renew-key': {
    status: 403,
    seen: 'proven',
    message: 'A renewal keeps the key. Another key needs the old key to sign for it.',
  },
  'no-receipt': { status: 404, seen: 'proven', message: 'The ledger has no entry with this index.' },

  // Messages. A receiver that answers strangers tells them `refused` alone.
  'bad-envelope': { status: 400, seen: 'anyone', message: 'The bytes are not an envelope of the form we accept.' },
  'bad-scope': {
    status: 400,
    seen: 'anyone',
    message:
      'A scope is segments with dots between, such as floor3.sensor.temperature:write; a grant may have * and, at the end, **.',
  },
  'algorithm-refused': {
    status: 400,
    seen: 'anyone',
    message: 'The envelope is not signed with the algorithm of a key that we admit.',
  },
  'envelope-signature': {
    status: 401,
    seen: 'anyone',
    message: 'The envelope is not signed by the key that it names.',
  },
  'body-refused': { status: 400, seen: 'anyone', message: 'The body is not the one that was signed.' },
  'other-audience': { status: 403, seen: 'anyone', message: 'The message is to somebody else.' },
  'message-expired': {
    status: 401,
    seen: 'anyone',
    message: 'The message is older than the window of 30 seconds, or its window is over.',
    hint: 'send it again with a new envelope; compare the clock of the sender',
  },
  'message-early': {
    status: 401,
    seen: 'anyone',
    message: 'The message is from the future.',
    hint: 'compare the clocks of sender and receiver',
  },
  'message-fresh': {
    status: 409,
    seen: 'anyone',
    message: 'The record of this receiver begins later than this message, which may have come before.',
    hint: 'wait a few seconds, as retryAfter says, and send it again with a new envelope',
  },
  'message-replayed': {
    status: 409,
    seen: 'anyone',
    message: 'This message was received before.',
    hint: 'nothing, where the first one arrived; otherwise send it again with a new envelope',
  },
  'sender-unknown': { status: 403, seen: 'anyone', message: 'The registry does not know this sender.' },
  'did-document-refused': {
    status: 403,
    seen: 'anyone',
    message: "The document behind the sender's did:web is not one that is taken.",
    hint: 'look at what the domain serves: JSON over https without a redirect, from a public address, with its own DID and key',
  },
  'scope-refused': { status: 403, seen: 'anyone', message: 'This scope is not granted.' },
  'recipient-refused': { status: 403, seen: 'anyone', message: 'The sender may not send to this receiver.' },
  'gateway-refused': { status: 403, seen: 'anyone', message: 'The sender does not speak for this device.' },
  'sequence-refused': {
    status: 403,
    seen: 'anyone',
    message: 'The sender is not registered to count its messages, or must.',
  },
  'nonces-full': {
    status: 503,
    seen: 'anyone',
    message: 'Too many messages within one window: the receiver cannot remember another one.',
    hint: 'wait a minute; whoever sends so much should be looked at',
  },
  'seal-refused': {
    status: 400,
    seen: 'anyone',
    message: 'The message does not open: it is sealed to another key or by another sender, or was changed.',
  },
  'bad-entry': { status: 400, seen: 'anyone', message: 'The bytes are not an entry of a journal of messages.' },
  'no-encryption-key': {
    status: 409,
    seen: 'anyone',
    message: 'There is no encryption key of the receiver that holds now, so nothing was sealed and nothing was sent.',
    hint: 'the receiver announces one (mintmark sidecar --announce, or announceEncryption); it may have expired',
  },
  'x25519-missing': {
    status: 500,
    seen: 'anyone',
    message: 'The Web Crypto of this runtime has no X25519, so it cannot seal.',
    hint: 'use Node 20 or later, or a browser of 2025 or later; without it nothing is sealed some other way',
  },

  // The caller's own side: device and command.
  'home-exists': {
    status: 409,
    seen: 'anyone',
    message: 'This home already holds an identity.',
    hint: 'use another --home, or whoami to see who it is',
  },
  'home-retired': {
    status: 410,
    seen: 'anyone',
    message: 'This home is retired: its identity was decommissioned, and its key is wiped.',
    hint: 'enroll into another --home; mintmark wipe finishes a wipe that was interrupted',
  },
  'home-damaged': {
    status: 500,
    seen: 'anyone',
    message: 'A file of this home was changed or damaged. Nothing was sent.',
    hint: 'take it from a copy of the home; without one, enroll into another home',
  },
  'home-missing': { status: 404, seen: 'anyone', message: 'This home holds no identity.', hint: 'enroll first' },
  'home-in-use': {
    status: 409,
    seen: 'anyone',
    message: 'Another process is at work in this home.',
    hint: 'a renewal is over in a moment; a daemon or a sidecar is there to stay, and one a home is enough',
  },
  'anchor-mismatch': {
    status: 401,
    seen: 'anyone',
    message: 'The server does not have the trust anchor that the token names. Nothing was sent to it.',
  },
  'server-not-proven': {
    status: 401,
    seen: 'anyone',
    message: 'The server did not prove that it is the platform. Nothing was sent to it.',
  },
  'reply-refused': {
    status: 502,
    seen: 'anyone',
    message: 'The platform answered with a certificate, charter or receipt that does not prove.',
  },
  'notice-refused': {
    status: 502,
    seen: 'anyone',
    message:
      "The decommission notice is not the platform's word to this device. It was ignored, and nothing was wiped.",
    hint: 'try again; if it stays so, someone may stand between: tell the operator',
  },
  unreachable: { status: 503, seen: 'anyone', message: 'The platform, or the receiver, cannot be reached.' },
  'wrong-passphrase': { status: 401, seen: 'anyone', message: 'The passphrase does not open this key file.' },
  'other-root': {
    status: 401,
    seen: 'anyone',
    message: 'This rests on another root than the one that was named.',
    hint: "compare the digest with the signer's paper; where it differs, believe nothing of it",
  },
  'other-ledger-key': {
    status: 401,
    seen: 'anyone',
    message: 'This rests on another ledger key than the one that was named.',
    hint: 'compare the key with the one that you wrote down; where it differs, believe nothing of it',
  },
  'root-needed': {
    status: 401,
    seen: 'anyone',
    message: 'What is to be checked rests on a root, and the root must be known from elsewhere.',
    hint: "name its SHA-256 with --root, from the signer's paper or a device's anchor.pem",
  },
  'bad-export': {
    status: 400,
    seen: 'anyone',
    message: 'The directory holds no ledger as Mintmark exports them.',
    hint: 'name the directory that mintmark audit export wrote',
  },
  'ledger-forked': {
    status: 409,
    seen: 'anyone',
    message: 'The ledger does not go on from what was exported of it: it was set back or written anew.',
    hint: 'keep both heads, they are signed evidence; ask whoever runs the platform, and whoever else keeps heads of it',
  },
  'ledger-key-needed': {
    status: 401,
    seen: 'anyone',
    message: 'No charter of the root names the key of this ledger, so the key must be known from elsewhere.',
    hint: 'name it with --ledger-key, as you wrote it down when the platform was founded',
  },
  'data-missing': {
    status: 404,
    seen: 'anyone',
    message: 'This directory holds no platform.',
    hint: 'name it with --data, or start one with mintmark up',
  },
  'data-in-use': {
    status: 409,
    seen: 'anyone',
    message: 'Another process runs the platform of this directory.',
    hint: 'end the other one first',
  },
  'address-in-use': {
    status: 409,
    seen: 'anyone',
    message: 'Another program listens on this address.',
    hint: 'end it, or choose another port; 0 takes any free one',
  },
  'bad-database': { status: 400, seen: 'anyone', message: 'This is not the URL of a PostgreSQL database.' },
  'database-unreachable': {
    status: 503,
    seen: 'anyone',
    message: 'The database cannot be reached.',
    hint: 'is PostgreSQL running, and are host, port, user, password and name of the database right',
  },
  'database-unfit': {
    status: 409,
    seen: 'anyone',
    message: 'The database server is not set up so that a platform can rely on it.',
  },
  'database-other': {
    status: 409,
    seen: 'anyone',
    message: 'The platform of this directory has another database.',
    hint: 'leave --database out; mintmark store move takes a platform to PostgreSQL',
  },
  'database-not-empty': {
    status: 409,
    seen: 'anyone',
    message: 'The database holds something else already.',
    hint: 'make a database of its own for the platform: createdb NAME',
  },
  'bad-sink-ca': {
    status: 400,
    seen: 'anyone',
    message: 'The file of CAs for the sinks cannot be read, or is not certificates in PEM.',
    hint: 'name with --sink-ca a file that has the certificate of the CA of your broker: -----BEGIN CERTIFICATE-----',
  },
  'disk-failed': {
    status: 503,
    seen: 'anyone',
    message: 'The disk did not keep what was written to it. The platform ended, so that nothing is built on that.',
    hint: 'look at the disk (dmesg) and start again: what was acknowledged is there, what was refused may be',
  },
  'ledger-broken': { status: 500, seen: 'anyone', message: 'The ledger and what was derived from it disagree.' },
  'terminal-required': {
    status: 403,
    seen: 'anyone',
    message: 'The sign-in link is printed to a terminal only.',
    hint: 'run mintmark console in a terminal: whoever reads the link first is signed in as you',
  },

  // At the air gap.
  'file-exists': {
    status: 409,
    seen: 'anyone',
    message: 'There is something of this name already, and it is never overwritten.',
    hint: 'name another one',
  },
  'keys-missing': {
    status: 404,
    seen: 'anyone',
    message: 'This directory holds no root keys.',
    hint: 'name it with --keys; mintmark-ceremony keys create makes them',
  },
  'keys-broken': {
    status: 500,
    seen: 'anyone',
    message: 'The root key file or the root certificate was changed, or they do not belong together.',
    hint: 'take both from one backup',
  },
  'weak-passphrase': {
    status: 400,
    seen: 'anyone',
    message: 'The passphrase of a root has at least 12 characters.',
    hint: 'six words chosen by dice can be remembered and cannot be guessed',
  },
  'passphrase-exposed': {
    status: 403,
    seen: 'anyone',
    message: 'Others than its owner may read the passphrase file.',
    hint: 'chmod 600, and another passphrase where someone may have read it',
  },
  'secret-exposed': {
    status: 403,
    seen: 'anyone',
    message: 'Others than its owner may read the secret file.',
    hint: 'remove it: another secret is made, and programs that use it read it again',
  },
  'socket-exposed': {
    status: 403,
    seen: 'anyone',
    message: 'Others may write a directory that leads to the socket.',
    hint: 'name a socket in a directory that only you can write: chmod 700',
  },
  'not-confirmed': {
    status: 403,
    seen: 'anyone',
    message: "These are not the first two words of the request's digest. Nothing was signed.",
    hint: 'compare every word with whoever sent the request; where one differs, sign nothing',
  },
  'transcript-broken': {
    status: 500,
    seen: 'anyone',
    message: 'The transcript of this root was changed after it was written. Nothing was signed.',
    hint: 'compare it with its copies and with what the platform merged before this root signs again',
  },

  // Ours.
  unavailable: { status: 503, seen: 'anyone', message: 'The platform cannot answer this now. Try again.' },
  broken: { status: 500, seen: 'anyone', message: 'The platform failed. Its log has the id.' },
} as const satisfies Record<string, CodeRow>

/**
 * Every code a peer can be refused with. One home; `docs/errors.md` is bound to it by a test, both ways.
 *
 * `seen: 'anyone'` codes speak of the bytes that were sent and go to whoever sent them.
 * `seen: 'proven'` codes speak of our state and go only to a peer who proved a certificate or a token's secret;
 * anyone else is told `refused`.
 */
export const codes: Readonly<Record<Code, CodeRow>> = table

/** What whoever is refused is told to do next, if anything. */
export const hintOf = ({
  code,
  hint,
}: {
  readonly code: Code
  readonly hint: string | undefined
}): string | undefined => hint ?? codes[code].hint
