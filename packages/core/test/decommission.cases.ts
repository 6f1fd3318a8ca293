import { DerReader } from '../src/bytes/der.ts'
import { cbor, concat, readBase64, readCbor, readHex, sha256, Tagged } from '../src/bytes/index.ts'
import { type Code, Refused } from '../src/errors/index.ts'
import { admitRaw, webCryptoVerify } from '../src/keys/index.ts'
import { readPath } from '../src/names/index.ts'
import { proveNotice } from '../src/proof/index.ts'
import {
  claimedSigner,
  readDecommissionConfirmation,
  readDecommissionNotice,
  signDecommissionConfirmation,
  signDecommissionNotice,
} from '../src/signed/index.ts'
import { refuses, same, suite } from './portable.ts'
import { impostor, platform } from './vectors/certificates.ts'
import {
  badConfirmations,
  badNoticeChains,
  badNotices,
  confirmations,
  misnamedNotices,
  noticeChains,
  notices,
} from './vectors/decommission.ts'
import { publicKeys } from './vectors/public-keys.ts'
import { charters } from './vectors/statements.ts'

export const decommission = suite('decommission')

const keyOf = (title: keyof typeof publicKeys) => admitRaw(publicKeys[title].algorithm, readHex(publicKeys[title].raw))
const january = Date.UTC(2026, 0, 1)
const day = 86_400_000
const noon = january + 15 * day

const notice = {
  domain: 'example.test',
  identity: 'acme/device/device-104',
  spki: keyOf('device').id,
  nonce: new Uint8Array(32).fill(0xa5),
  ledger: 'acme',
  index: 7,
  issued: noon,
}
const confirmation = {
  domain: 'example.test',
  identity: 'acme/device/device-104',
  spki: keyOf('device').id,
  notice: '5a'.repeat(32),
  at: noon,
}

// The two statements

decommission.test('reads a notice, by either kind of key', async () => {
  same(await readDecommissionNotice(readBase64(notices.first), keyOf('notice'), webCryptoVerify), notice)
  same(await readDecommissionNotice(readBase64(notices.ed25519), keyOf('edRoot'), webCryptoVerify), notice)
})

decommission.test('reads a confirmation, by either kind of key', async () => {
  const [ed25519, p256] = [readBase64(confirmations.first), readBase64(confirmations.p256)]
  same(await readDecommissionConfirmation(ed25519, keyOf('device'), webCryptoVerify), confirmation)
  same(await readDecommissionConfirmation(p256, keyOf('device2'), webCryptoVerify), {
    ...confirmation,
    spki: keyOf('device2').id,
  })
})

for (const [title, text] of Object.entries(badNotices)) {
  decommission.test(`refuses a notice: ${title}`, () =>
    refuses('bad-statement', () => readDecommissionNotice(readBase64(text), keyOf('notice'), webCryptoVerify)),
  )
}
for (const [title, text] of Object.entries(misnamedNotices)) {
  decommission.test(`refuses a notice (${title})`, () =>
    refuses(title.split(':')[0] as Code, () =>
      readDecommissionNotice(readBase64(text), keyOf('notice'), webCryptoVerify),
    ),
  )
}
for (const [title, text] of Object.entries(badConfirmations)) {
  decommission.test(`refuses a confirmation: ${title}`, () =>
    refuses('bad-statement', () => readDecommissionConfirmation(readBase64(text), keyOf('device'), webCryptoVerify)),
  )
}

decommission.test('refuses both with a signature of another statement', async () => {
  const swap = (text: string, other: string): Uint8Array => {
    const parts = (bytes: Uint8Array) => (readCbor(bytes) as Tagged).value as readonly Uint8Array[]
    const [header, unprotected, body] = parts(readBase64(text))
    return cbor(new Tagged(18, [header!, unprotected!, body!, parts(readBase64(other))[3]!]))
  }
  const [mixed, forged] = [swap(notices.first, notices['another key']), swap(confirmations.first, notices.ed25519)]
  await refuses('statement-signature', () => readDecommissionNotice(mixed, keyOf('notice'), webCryptoVerify))
  await refuses('statement-signature', () => readDecommissionConfirmation(forged, keyOf('device'), webCryptoVerify))
})

decommission.test('writes the statements that it reads', async () => {
  const recorded = (title: keyof typeof publicKeys, text: string) => {
    const [, , , signature] = (readCbor(readBase64(text)) as Tagged).value as readonly Uint8Array[]
    return { publicKey: keyOf(title), sign: () => signature! }
  }
  const [first, last] = [readBase64(notices.first), readBase64(confirmations.first)]
  same(await signDecommissionNotice(recorded('notice', notices.first), notice), first)
  same(await signDecommissionConfirmation(recorded('device', confirmations.first), confirmation), last)
})

decommission.test('says whose key a statement claims, to look it up by', async () => {
  same(claimedSigner(readBase64(confirmations.first)), keyOf('device').id)
  same(claimedSigner(readBase64(badConfirmations['of another key'])), keyOf('device').id)
  same(claimedSigner(readBase64(charters.first)), keyOf('root').id)
  await refuses('bad-cbor', () => claimedSigner(new Uint8Array()))
  await refuses('bad-statement', () => claimedSigner(cbor(null)))
  await refuses('bad-statement', () => claimedSigner(headed(new Map())))
  await refuses('bad-statement', () => claimedSigner(headed(new Map([[4, new Uint8Array(31)]]))))
  await refuses('bad-statement', () => claimedSigner(headed(new Map([[4, 'a5'.repeat(16)]]))))
  await refuses('bad-cbor', () => claimedSigner(cbor(new Tagged(18, [Uint8Array.of(0xff), new Map(), body, body]))))
  await refuses('too-large', () => claimedSigner(new Uint8Array(16_385)))
})

const body = new Uint8Array()
const headed = (entries: ReadonlyMap<number, Uint8Array | string>): Uint8Array =>
  cbor(new Tagged(18, [cbor(entries), new Map(), body, body]))

// What a device believes before it wipes its key

const expected = {
  anchor: readBase64(platform.root),
  domain: 'example.test',
  name: readPath('acme/device/device-104'),
  key: keyOf('device'),
  nonce: new Uint8Array(32).fill(0xa5),
  at: noon,
}

/** Certificates that stand one behind the other. */
function split(chain: Uint8Array): Uint8Array[] {
  const reader = new DerReader(chain)
  const certificates: Uint8Array[] = []
  while (!reader.done) certificates.push(reader.element().whole)
  return certificates
}

const chain = split(readBase64(noticeChains.notice))
const answer = (title: keyof typeof notices) => ({ notice: readBase64(notices[title]), chain })
const prove = (answered = answer('first'), change: Partial<typeof expected> = {}) =>
  proveNotice(answered, { ...expected, ...change }, webCryptoVerify)

/** Ignored, and for this reason: the code alone would hide a guard that is gone behind another. */
async function ignores(reason: string, run: () => Promise<unknown>): Promise<void> {
  let why: string | undefined = 'nothing: it was believed'
  try {
    await run()
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== 'notice-refused') throw error
    why = error.detail
  }
  same(why, reason)
}

decommission.test('believes the notice to this device, in answer to its question', async () => {
  same(await prove(), notice)
})

for (const [title, reason] of [
  ['another question', 'in answer to another question'],
  ['another platform', 'of another platform'],
  ['another identity', 'about another identity'],
  ['another role', 'about another identity'],
  ['another fleet', 'about another identity'],
  ['another key', 'about another key'],
  ['another signer', 'kind, algorithm or key'],
  ['ed25519', 'kind, algorithm or key'],
  ['issued too early', 'issued outside the certificate'],
  ['issued too late', 'issued outside the certificate'],
] as const) {
  decommission.test(`ignores a notice: ${title}`, () => ignores(reason, () => prove(answer(title))))
}

for (const [title, text] of Object.entries(badNoticeChains)) {
  decommission.test(`ignores a notice by ${title.split(': ')[1]}`, () =>
    ignores(title.split(': ')[0]!, () => prove({ ...answer('first'), chain: split(readBase64(text)) })),
  )
}

decommission.test('ignores a notice under another root, and one at another platform', async () => {
  await ignores('issuer key id', () => prove(answer('first'), { anchor: readBase64(impostor.root) }))
  await ignores('not the people CA', () => prove(answer('first'), { domain: 'other.test' }))
})

decommission.test('ignores a notice with a chain that is short, long or the wrong way round', async () => {
  const [leaf, authority] = chain as [Uint8Array, Uint8Array]
  const whole = 'not a certificate and its CA'
  for (const short of [[], [leaf], [leaf, authority, expected.anchor], [leaf, authority, authority]]) {
    await ignores(whole, () => prove({ ...answer('first'), chain: short }))
  }
  await ignores('issuer name', () => prove({ ...answer('first'), chain: [authority, leaf] }))
})

decommission.test('ignores a notice with anything in place of a statement', async () => {
  const bytes = readBase64(notices.first)
  await ignores('bytes left over', () => prove({ notice: concat(bytes, Uint8Array.of(0)), chain }))
  await ignores('truncated', () => prove({ notice: bytes.subarray(0, -1), chain }))
  await ignores('truncated', () => prove({ notice: new Uint8Array(), chain }))
  await ignores('kind, algorithm or key', () => prove({ notice: readBase64(confirmations.first), chain }))
  await ignores('not COSE_Sign1', () => prove({ notice: cbor(sha256(bytes)), chain }))
})

decommission.test('ignores a notice with a bit turned anywhere', async () => {
  const bytes = readBase64(notices.first)
  for (let i = 0; i < bytes.length; i += 7) {
    const turned = Uint8Array.from(bytes)
    turned[i]! ^= 1
    await refuses('notice-refused', () => prove({ notice: turned, chain }))
  }
})

decommission.test('does not hold the time of a notice against a clock that is days off', async () => {
  same(await prove(answer('first'), { at: noon + 10 * day }), notice)
  same(await prove(answer('first'), { at: noon - 10 * day }), notice)
  await ignores('outside its validity', () => prove(answer('first'), { at: noon + 20 * day }))
  await ignores('issuer outside its validity', () => prove(answer('first'), { at: Number.NaN }))
})
