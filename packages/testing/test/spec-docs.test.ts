import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  base64,
  base64url,
  type Cbor,
  cbor,
  equal,
  hex,
  readBase64,
  readBase64url,
  readCbor,
  readHex,
  readPem,
  readPemBlocks,
  readUtf8,
  sha256,
  Tagged,
  utf8,
} from '@mintmark/core/bytes'
import { describeRequest, digestWords, readCeremonyAnswer, readCeremonyRequest } from '@mintmark/core/ceremony'
import { codes } from '@mintmark/core/errors'
import { proveFact, readProofFile, writeProofFile } from '@mintmark/core/evidence'
import { admitSpki, checkSignature, didKey, type PublicKey, readDidKey, webCryptoVerify } from '@mintmark/core/keys'
import {
  append,
  checkInclusion,
  emptyFrontier,
  leafHash,
  readCheckpoint,
  readTilePath,
  readVerifierKey,
} from '@mintmark/core/ledger'
import {
  path,
  readDomain,
  readFleetName,
  readName,
  readNamePattern,
  readPath,
  readSpiffeId,
  spiffeId,
} from '@mintmark/core/names'
import { checkAuthority, checkLeaf, proveNotice } from '@mintmark/core/proof'
import { type ChangeKind, change, compileScopes, readChange, readScope } from '@mintmark/core/rules'
import {
  checkPossession,
  claimedSigner,
  encryptionKeyId,
  readCertificate,
  readCharter,
  readDecommissionNotice,
  readDidSuccession,
  readDisclosure,
  readEncryptionKey,
  readEnvelope,
  readKeySuccession,
  readMessage,
  readRevocationList,
  readSealedBody,
  readSigningRequest,
  readToken,
  saltLength,
  sealInfo,
  sealSuite,
  shortIdOf,
  writeCoseEnvelope,
  writeMessage,
} from '@mintmark/core/signed'
import { describe, expect, test } from 'vitest'
import { proveJournalEntry } from '../../agent/src/journal/index.ts'
import { open } from '../../agent/src/seal/hpke.ts'
import { x25519Pair } from '../../agent/test/x25519-pair.ts'
import { proveIssued } from '../../device/src/issued.ts'
import { root as checkout, example, page } from './pages.ts'
import { tableRows } from './table.ts'

// Every page of docs/spec opens with an example of the real thing; they are of one platform, and fit together.

const bytesOf = (where: string, name: string): Uint8Array => readHex(spec(where, name).replaceAll('\n', ''))
const spec = (where: string, name: string): string => example(`docs/spec/${where}`, name)
const rows = (where: string, heading: string): string[][] => tableRows(page(`docs/spec/${where}`).text, heading)
const bare = (cell: string | undefined): string => (cell ?? '').replaceAll('`', '')
const certificate = (name: string) => readCertificate(readPem('CERTIFICATE', spec('certificate.md', name)))

const [root, authority, leaf] = [certificate('root'), certificate('fleet-ca'), certificate('leaf')]
const at = leaf.notBefore + 600_000
const charter = await readCharter(bytesOf('statement.md', 'charter'), root.publicKey, webCryptoVerify)
const origin = `${charter.fleet}.${charter.domain}/ledger`

describe('token.md', () => {
  const token = readToken(spec('token.md', 'token'))

  test('has the bytes of its token, and their fields', () => {
    const bytes = bytesOf('token.md', 'token-bytes')
    expect(base64url(bytes)).toBe(spec('token.md', 'token').slice('mmt1_'.length))
    const fields = [hex(token.id), hex(token.secret), hex(token.anchor), token.url]
    expect(rows('token.md', 'bytes').map(row => bare(row[2]))).toEqual(fields)
    expect(page('docs/spec/token.md').text).toContain(`\`${base64url(token.id)}\``)
  })

  test('names the root of certificate.md', () => {
    expect(hex(token.anchor)).toBe(hex(sha256(root.der)))
  })

  test.each(spec('token.md', 'invalid-tokens').split('\n'))('%s is refused as it says', text => {
    expect(() => readToken(text)).toThrow(expect.objectContaining({ code: 'bad-token' }))
  })
})

describe('statement.md', () => {
  const statement = bytesOf('statement.md', 'charter')
  const outer = readCbor(statement) as Tagged & { value: readonly Uint8Array[] }
  const [header, , payload, signature] = outer.value as [Uint8Array, unknown, Uint8Array, Uint8Array]

  test('takes its charter apart', () => {
    expect(spec('statement.md', 'charter-outer')).toBe(diagnostic(outer))
    expect(spec('statement.md', 'charter-protected')).toBe(diagnostic(readCbor(header)))
    expect(spec('statement.md', 'charter-payload')).toBe(diagnostic(readCbor(payload)))
  })

  test('has the bytes that are signed', async () => {
    const signed = bytesOf('statement.md', 'charter-signed')
    expect(hex(signed)).toBe(hex(cbor(['Signature1', header, new Uint8Array(), payload])))
    expect(await webCryptoVerify(root.publicKey, signed, signature)).toBe(true)
  })

  test('has a charter of the CA in certificate.md, with the fields of its table', () => {
    expect(charter.authority).toBe(authority.publicKey.id)
    const documented = rows('statement.md', 'field').map(row => bare(row[0]))
    expect(documented.toSorted()).toEqual(Object.keys(charter).toSorted())
    expect(page('docs/spec/statement.md').text).toContain(new Date(charter.issued).toISOString())
  })
})

describe('succession.md', async () => {
  const bytes = bytesOf('succession.md', 'succession')
  const [old, next] = [bytesOf('succession.md', 'succession-old'), bytesOf('succession.md', 'succession-new')]
  const said = await readKeySuccession(bytes, admitSpki(old), webCryptoVerify)

  test('has what one key says of the key after it', () => {
    expect([said.old, said.new]).toEqual([hex(sha256(old)), hex(sha256(next))])
    expect([said.domain, said.identity]).toEqual([charter.domain, spec('names.md', 'path')])
    const [, , payload] = (readCbor(bytes) as Tagged).value as readonly Uint8Array[]
    expect(spec('succession.md', 'succession-payload')).toBe(diagnostic(readCbor(payload!)))
  })

  test('has the fields of its table', () => {
    const documented = rows('succession.md', 'field').map(row => bare(row[0]))
    expect(documented.toSorted()).toEqual([...Object.keys(said), 'v'].toSorted())
  })
})

describe('journal.md', () => {
  const where = 'journal.md'
  const entry = bytesOf(where, 'journal-entry')

  test('has a proof of the message in envelope.md, by the key that it shows', async () => {
    const proven = await proveJournalEntry(spec(where, 'journal-proof'), spec(where, 'journal-key'))
    const { envelope } = readMessage(bytesOf('envelope.md', 'message'), 1_000)
    expect([proven.entry.index, proven.size]).toEqual([0, 3])
    expect(proven.entry.envelope.bytes).toEqual(envelope.bytes)
    expect(proven.entry.key.spki).toEqual(bytesOf('envelope.md', 'signer'))
    expect(JSON.parse(spec(where, 'journal-proof')).entry).toBe(base64(entry))
  })

  test('takes the entry apart, with the fields of both tables', () => {
    const fields = readCbor(entry) as ReadonlyMap<string, Cbor>
    expect(spec(where, 'journal-entry-diagnostic')).toBe(diagnostic(fields))
    expect(rows(where, 'entry field').map(row => bare(row[0]))).toEqual(expect.arrayContaining([...fields.keys()]))
    const documented = rows(where, 'field').flatMap(([cell = '']) => cell.match(/\w+/g) ?? [])
    expect(documented).toEqual(Object.keys(JSON.parse(spec(where, 'journal-proof'))))
  })
})

describe('succession.md, without a platform', () => {
  test('has the word of one key on another, taken apart', async () => {
    const bytes = bytesOf('succession.md', 'did-succession')
    const said = await readDidSuccession(bytes, admitSpki(bytesOf('envelope.md', 'signer')), webCryptoVerify)
    expect(said.new.equals(admitSpki(bytesOf('encryption-key.md', 'identity')))).toBe(true)
    const payload = readCbor(((readCbor(bytes) as Tagged).value as readonly Uint8Array[])[2]!) as Map<string, Cbor>
    expect(spec('succession.md', 'did-succession-payload')).toBe(diagnostic(payload))
    const documented = rows('succession.md', 'did-succession field').map(row => bare(row[0]))
    expect(documented.toSorted()).toEqual([...payload.keys()].toSorted())
  })
})

describe('encryption-key.md', async () => {
  const where = 'encryption-key.md'
  const bytes = bytesOf(where, 'encryption-key')
  const signer = admitSpki(bytesOf(where, 'identity'))
  const said = await readEncryptionKey(bytes, signer, webCryptoVerify)

  test('has a statement by the key that it shows, taken apart', () => {
    const [, , payload] = (readCbor(bytes) as Tagged).value as readonly Uint8Array[]
    expect(spec(where, 'encryption-key-payload')).toBe(diagnostic(readCbor(payload!)))
    expect(said.did).toBe(didKey(signer))
    expect(bytesOf(where, 'encryption-key-id')).toEqual(encryptionKeyId(said.key))
  })

  test('has the fields of its table', () => {
    const documented = rows(where, 'field').map(row => bare(row[0]))
    expect(documented.toSorted()).toEqual([...Object.keys(said), 'v'].toSorted())
    expect(page(`docs/spec/${where}`).text).toContain(`\`${sealSuite}\``)
  })
})

describe('sealing.md', () => {
  const where = 'sealing.md'
  const { envelope, body } = readMessage(bytesOf(where, 'message'), 1_000)
  const { claims, form } = envelope
  const signer = admitSpki(bytesOf('envelope.md', 'signer'))
  const [vector] = JSON.parse(readFileSync(join(checkout, 'docs/spec/sealing-vectors.json'), 'utf8')).valid

  test('has a message by the device to the receiver, and to the key that it announced', async () => {
    expect(await checkSignature(webCryptoVerify, signer, envelope.signed, envelope.signature)).toBe(true)
    const receiver = admitSpki(bytesOf('encryption-key.md', 'identity'))
    const { key } = await readEncryptionKey(bytesOf('encryption-key.md', 'encryption-key'), receiver, webCryptoVerify)
    expect([claims.audience, hex(key)]).toEqual([didKey(receiver), hex(bytesOf(where, 'receiver'))])
    expect(spec(where, 'sealed-claim')).toBe(diagnostic([claims.sealed!.key, claims.sealed!.commitment]))
    expect(claims.sealed!.key).toEqual(encryptionKeyId(key))
  })

  test('takes its body apart, and what is bound to it', () => {
    const { enc, ciphertext } = readSealedBody(body)
    expect([hex(enc), hex(ciphertext)]).toEqual(['enc', 'ciphertext'].map(name => hex(bytesOf(where, name))))
    const info = bytesOf(where, 'info')
    expect(hex(sealInfo(claims, form, signer, claims.sealed!.key))).toBe(hex(info))
    expect(spec(where, 'info-diagnostic')).toBe(diagnostic(readCbor(info)))
    expect(rows(where, 'place').map(([place]) => Number(place))).toEqual([...(readCbor(info) as unknown[]).keys()])
  })

  test('opens to what it says, with nothing but the runtime', async () => {
    const [secret, disclosure] = [bytesOf(where, 'receiver-private'), bytesOf(where, 'disclosure')]
    const opened = await open(await x25519Pair(secret), bytesOf(where, 'info'), readSealedBody(body))
    expect(hex(opened)).toBe(hex(disclosure))
    expect(hex(readDisclosure(envelope, disclosure))).toBe(hex(utf8('{"celsius":21.5}')))
    expect(hex(sha256(disclosure))).toBe(hex(bytesOf(where, 'commitment')))
    expect(hex(disclosure)).toBe(hex(bytesOf('envelope.md', 'body')))
  })

  test('is the first of the vectors', () => {
    expect(vector.message).toBe(hex(bytesOf(where, 'message')))
  })
})

describe('envelope.md', () => {
  const where = 'envelope.md'
  const message = readMessage(bytesOf(where, 'message'), 1_000)
  const { bytes, claims, signed, signature } = message.envelope
  const signer = admitSpki(bytesOf(where, 'signer'))
  const { valid } = JSON.parse(readFileSync(join(checkout, 'docs/spec/envelope-vectors.json'), 'utf8'))

  test('takes its message apart', () => {
    const item = readCbor(bytes) as Tagged
    expect(spec(where, 'envelope')).toBe(diagnostic(item))
    expect(spec(where, 'header')).toBe(diagnostic(readCbor((item.value as readonly Uint8Array[])[0]!)))
    expect(message.body).toEqual(bytesOf(where, 'body'))
    expect(readUtf8(message.body.subarray(saltLength))).toBe('{"celsius":21.5}')
  })

  test('has an envelope by the key that it shows, over the body that it shows', async () => {
    expect(await checkSignature(webCryptoVerify, signer, signed, signature)).toBe(true)
    expect(claims).toMatchObject({ key: didKey(signer), digest: sha256(message.body) })
    expect(valid[0]).toMatchObject({ message: hex(bytesOf(where, 'message')) })
  })

  test('has the same as a JWS', async () => {
    const jws = readEnvelope(utf8(spec(where, 'jws').replaceAll('\n', '')))
    expect(jws.claims).toEqual(claims)
    expect(await checkSignature(webCryptoVerify, signer, jws.signed, jws.signature)).toBe(true)
    const shown = ['jws-header', 'jws-claims'].map(name => base64url(utf8(spec(where, name))))
    expect(readUtf8(jws.signed)).toBe(shown.join('.'))
  })

  test('says how long a short one is', async () => {
    const key = { publicKey: signer, sign: () => new Uint8Array(64).fill(1) }
    const short = shortIdOf(signer)
    const once = { issued: 1_767_225_600_000, nonce: new Uint8Array(16) }
    const all = { key: short, audience: short, scope: 'temp:write', once, digest: new Uint8Array(32) }
    const { length } = writeMessage(await writeCoseEnvelope(key, all), new Uint8Array(saltLength + 90))
    expect(page(`docs/spec/${where}`).text).toContain(`is a message of ${length}\nbytes`)
    expect(length).toBeLessThanOrEqual(300)
  })

  test('names codes that there are', () => {
    const named = rows(where, 'check').flatMap(([, cell]) =>
      [...(cell ?? '').matchAll(/`([a-z-]+)`/g)].map(([, code]) => code),
    )
    expect(named.filter(code => !Object.hasOwn(codes, code!))).toEqual([])
    expect(named.length).toBeGreaterThan(15)
  })
})

describe('scope.md', () => {
  test('has a scope that its first grant covers and its second does not', () => {
    const scope = readScope(spec('scope.md', 'scope'))
    expect(
      spec('scope.md', 'grants')
        .split('\n')
        .map(grant => compileScopes([grant])(scope)),
    ).toEqual([true, false, false])
  })

  test('has a table that holds', () => {
    for (const [grant, scope, covered] of rows('scope.md', 'grant').map(row => row.map(bare))) {
      expect([grant, scope, compileScopes([grant!])(scope!) ? 'yes' : 'no']).toEqual([grant, scope, covered])
    }
  })
})

describe('decommission.md', () => {
  const page = 'decommission.md'
  const bodyOf = (name: string) => JSON.parse(spec(page, name).split('\n\n').slice(1).join('\n\n'))
  const [asked, reply, sent] = [bodyOf('request'), bodyOf('reply'), bodyOf('confirmation')]
  const notice = readBase64url(reply.notice)
  const confirmation = readBase64url(sent.confirmation)
  const parts = (statement: Uint8Array) => (readCbor(statement) as Tagged).value as readonly Uint8Array[]
  const anchor = readPem('CERTIFICATE', spec(page, 'root'))
  const chain = readPemBlocks('CERTIFICATE', reply.chain)
  const signer = readCertificate(chain[0]!).publicKey
  const fieldsIn = (heading: string) => rows(page, heading).map(row => bare(row[0]))

  test('takes its statements apart', () => {
    expect(spec(page, 'notice-protected')).toBe(diagnostic(readCbor(parts(notice)[0]!)))
    expect(spec(page, 'notice-payload')).toBe(diagnostic(readCbor(parts(notice)[2]!)))
    expect(spec(page, 'confirmation-payload')).toBe(diagnostic(readCbor(parts(confirmation)[2]!)))
  })

  test('has a confirmation by the key that the notice is about, and of that notice', async () => {
    const said = readCbor(parts(confirmation)[2]!) as ReadonlyMap<string, Cbor>
    const told = await readDecommissionNotice(notice, signer, webCryptoVerify)
    expect(claimedSigner(confirmation)).toBe(told.spki)
    expect(said.get('notice')).toEqual(sha256(notice))
    expect(spec(page, 'recorded')).toContain('"ledger": "acme"')
  })

  test('has a notice that a device believes', async () => {
    const told = await readDecommissionNotice(notice, signer, webCryptoVerify)
    const key = { id: told.spki } as PublicKey
    const [domain, nonce, at] = ['example.test', readBase64url(asked.nonce), told.issued]
    const name = readPath(told.identity)
    const expected = { anchor, domain, name, key, nonce, at }
    expect(await proveNotice({ notice, chain }, expected, webCryptoVerify)).toEqual(told)
  })

  test('has every field of both', () => {
    const fieldsOf = (statement: Uint8Array) => [
      ...(readCbor(parts(statement)[2]!) as ReadonlyMap<string, Cbor>).keys(),
    ]
    expect(fieldsIn('notice').toSorted()).toEqual(fieldsOf(notice).toSorted())
    expect(fieldsIn('confirmation').toSorted()).toEqual(fieldsOf(confirmation).toSorted())
  })
})

describe('names.md', () => {
  const readers: Record<string, (text: string) => unknown> = {
    fleet: readFleetName,
    name: readName,
    domain: readDomain,
    pattern: readNamePattern,
    identity: text => readSpiffeId('example.test', text),
  }

  test('spells one name three ways', () => {
    const name = readSpiffeId(charter.domain, spec('names.md', 'identity'))
    expect(path(name)).toBe(spec('names.md', 'path'))
    expect(leaf.altNames?.uris).toEqual([spiffeId(charter.domain, name)])
    expect(didKey(leaf.publicKey)).toBe(spec('names.md', 'did'))
  })

  test.each(rows('names.md', 'text'))('%s, read as %s: %s', (text, kind, outcome) => {
    const read = () => readers[kind!]!(bare(text))
    if (outcome === 'yes') expect(read).not.toThrow()
    else expect(read).toThrow(expect.objectContaining({ code: bare(outcome) }))
  })

  test('has id and DID of two keys', () => {
    const [, , spkis, ids, dids] = rows('names.md', 'of a key').map(cells => cells.slice(1).map(bare))
    for (const i of [0, 1]) {
      const key = admitSpki(readHex(spkis![i]!))
      expect([key.id, didKey(key)]).toEqual([ids![i], dids![i]])
      expect(readDidKey(dids![i]!).equals(key)).toBe(true)
    }
  })
})

describe('contexts.md', () => {
  const binary = ['certificate', 'signing-request', 'statement'].map(name => bytesOf('contexts.md', name))
  const note = utf8(`${spec('contexts.md', 'ledger-head')}\n`)
  const forms = rows('contexts.md', 'form').map(row => bare(row[2]))

  test('has messages that were really signed', async () => {
    const [tbs, info, structure] = binary
    expect(hex(tbs!)).toBe(hex(leaf.signed))
    const request = readSigningRequest(readPem('CERTIFICATE REQUEST', spec('certificate.md', 'request')))
    expect(hex(info!)).toBe(hex(request.signed))
    expect(hex(structure!)).toBe(hex(bytesOf('statement.md', 'charter-signed')))
    expect(spec('ledger.md', 'checkpoint')).toContain(readUtf8(note))
  })

  test('says what each begins with, and no two the same', () => {
    const list = readDer(bytesOf('certificate.md', 'crl'))
    const beginnings = forms.filter(form => /^[0-9a-f]{2} /.test(form))
    const matching = [...binary, note, list].map(message => beginnings.filter(form => begins(message, form)))
    expect(matching).toEqual([
      ['30 L a0 03 02 01 02'],
      ['30 L 02 01 00 30'],
      ['84 6a 53 69 67 6e 61 74 75 72 65 31'],
      [],
      ['30 L 02 01 01 30'],
    ])
  })

  /** The TBSCertList inside a list. */
  const readDer = (bytes: Uint8Array): Uint8Array => bytes.subarray(bytes[1] === 0x81 ? 3 : bytes[1] === 0x82 ? 4 : 2)

  function begins(message: Uint8Array, form: string): boolean {
    const length = '(?:[0-7][0-9a-f]|81[0-9a-f]{2}|82[0-9a-f]{4})'
    return new RegExp(`^${form.replaceAll(' ', '').replace('L', length)}`).test(hex(message))
  }
})

describe('certificate.md', () => {
  test('has a chain that proves', async () => {
    await checkAuthority(authority, root, at, webCryptoVerify)
    await checkLeaf(leaf, authority, webCryptoVerify)
  })

  test.each([
    ['leaf', leaf],
    ['fleet-ca', authority],
  ] as const)('describes the %s as it is', (name, { serial, altNames, nameConstraints, subjectKeyId }) => {
    const text = spec('certificate.md', `${name}-text`)
    expect(text).toContain(serial.match(/../g)!.join(':'))
    expect(text).toContain(hex(subjectKeyId!).toUpperCase().match(/../g)!.join(':'))
    for (const uri of altNames?.uris ?? []) expect(text).toContain(`URI:${uri}`)
    for (const host of nameConstraints?.permittedUriHosts ?? []) expect(text).toContain(`URI:${host}`)
  })

  test('says how long they last', () => {
    const days = (each: typeof leaf) => Math.round((each.notAfter - each.notBefore) / 86_400_000)
    expect([days(leaf), Math.floor(days(authority) / 365), Math.floor(days(root) / 365)]).toEqual([30, 5, 10])
  })

  test('has a request of the leaf, and a list of the CA at the size of the ledger', async () => {
    const request = readSigningRequest(readPem('CERTIFICATE REQUEST', spec('certificate.md', 'request')))
    await checkPossession(request, webCryptoVerify)
    expect(request.publicKey.equals(leaf.publicKey)).toBe(true)
    const list = await readRevocationList(bytesOf('certificate.md', 'crl'), authority, webCryptoVerify)
    expect(list.number).toBe(Number(spec('ledger.md', 'checkpoint').split('\n')[1]))
    expect(list.nextUpdate - list.thisUpdate).toBe(86_400_000)
  })
})

describe('proof-file.md', () => {
  const text = spec('proof-file.md', 'proof-file')
  const pinned = { root: spec('proof-file.md', 'proof-root') }

  test('has a proof of the receipt in ledger.md, under the root in certificate.md', async () => {
    expect(pinned.root).toBe(hex(sha256(root.der)))
    const { fact, charter: proven, ...place } = await proveFact(readProofFile(utf8(text)), pinned, webCryptoVerify)
    expect(place).toEqual({ origin, index: 2, size: 5 })
    expect([fact.kind, proven]).toEqual(['identity.enrolled', charter])
    const receipt = JSON.parse(spec('ledger.md', 'receipt'))
    expect(JSON.parse(text)).toMatchObject(receipt)
  })

  test('is written as it stands there, with the fields of the table', () => {
    expect(writeProofFile(readProofFile(utf8(text)))).toBe(`${text}\n`)
    const documented = rows('proof-file.md', 'field').flatMap(([cell = '']) => cell.match(/\w+/g) ?? [])
    expect(documented).toEqual(Object.keys(JSON.parse(text)))
  })
})

describe('change.md', () => {
  const source = readFileSync(join(checkout, 'packages/core/src/rules/change.ts'), 'utf8')
  const types: Record<string, Cbor> = { text: 'a', bytes: new Uint8Array(4), number: 1, flag: true, list: ['a'] }

  test('has an entry, and reads it', () => {
    const bytes = bytesOf('change.md', 'revoked')
    expect(readChange(bytes).kind).toBe('identity.revoked')
    expect(spec('change.md', 'revoked-diagnostic')).toBe(diagnostic(readCbor(bytes)))
    expect(spec('change.md', 'enrolled-diagnostic')).toContain(`h'${hex(leaf.der)}'`)
  })

  test('has every kind', () => {
    const real = [...source.matchAll(/^ {2}'?([a-z]+(?:\.[a-z]+)?)'?: \{/gm)].map(([, kind]) => kind)
    expect(rows('change.md', 'kind').map(row => bare(row[0]))).toEqual(real)
  })

  test.each(rows('change.md', 'kind'))('%s, in the ledger of %s, has the fields %s', (kind, _, cell = '') => {
    const fields = [...cell.matchAll(/`(\w+)` (\w+)(\?)?/g)].map(([, name = '', type = '', optional]) => {
      return { name, value: types[type]!, optional: optional !== undefined }
    })
    const make = (some: typeof fields) => {
      const body = Object.fromEntries(some.map(({ name, value }) => [name, value]))
      return change({ kind: bare(kind) as ChangeKind, at: 1, by: 'platform', ledger: 'acme', body: body as never })
    }
    const named = fields.map(({ name }) => name)
    expect(Object.keys(readChange(make(fields).bytes).body).toSorted()).toEqual(named.toSorted())
    for (const { name, optional } of fields) {
      const without = () => make(fields.filter(field => field.name !== name))
      if (optional) expect(without).not.toThrow()
      else expect(without).toThrow(TypeError)
    }
  })
})

describe('ledger.md', () => {
  const key = readVerifierKey(spec('ledger.md', 'verifier-key'))
  const by = { origin, publicKey: key.publicKey, verify: webCryptoVerify }
  const hashes = spec('ledger.md', 'tile').split('\n').map(readHex)

  test('has the key that the charter names', () => {
    expect(key.name).toBe(origin)
    expect(spec('ledger.md', 'ledger-key')).toBe(hex(key.publicKey.raw))
    expect(hex(charter.ledgerKey)).toBe(hex(key.publicKey.raw))
  })

  test('has a head of the entries under its tile', async () => {
    const { size, root: head } = await readCheckpoint(`${spec('ledger.md', 'checkpoint')}\n`, by)
    expect(hashes).toHaveLength(size)
    expect(base64(append(emptyFrontier, hashes).root)).toBe(base64(head))
    expect(equal(leafHash(bytesOf('change.md', 'revoked')), hashes[4]!)).toBe(true)
  })

  test('has a receipt that proves', async () => {
    const { checkpoint, ...receipt } = JSON.parse(spec('ledger.md', 'receipt'))
    const { size, root: head } = await readCheckpoint(checkpoint, by)
    const proof = receipt.proof.map(readBase64)
    const entry = readBase64(receipt.entry)
    checkInclusion({ leafHash: leafHash(entry), index: receipt.index, size, proof, root: head })
    expect(spec('change.md', 'enrolled-diagnostic')).toBe(diagnostic(readCbor(entry)))
    const fields = rows('ledger.md', 'field').map(row => bare(row[0]))
    expect(fields).toEqual(Object.keys({ ...receipt, checkpoint }))
  })

  test.each(rows('ledger.md', 'tile'))('%s is at %s', (tile, place) => {
    const { level, index, width } = readTilePath(bare(place))
    expect(tile).toBe(`level ${level}, index ${index}, width ${width}`)
  })
})

describe('ceremony.md', async () => {
  const file = (name: string) => utf8(`${spec('ceremony.md', name)}\n`)
  const request = await readCeremonyRequest(file('request'), webCryptoVerify)

  test('has a request of the root in certificate.md, as the signer is shown it', () => {
    expect(request.anchor).toBe(hex(sha256(root.der)))
    for (const line of [request.digest, ...describeRequest(request)])
      expect(spec('ceremony.md', 'shown')).toContain(line)
    expect(digestWords(request.bytes)).toBe(spec('ceremony.md', 'words'))
  })

  test('has its answer, with the CA and the charter of the other pages', async () => {
    const answer = await readCeremonyAnswer(file('answer'), request, at, webCryptoVerify)
    expect(answer.items.map(({ signed }) => hex(signed))).toEqual([
      hex(authority.der),
      hex(bytesOf('statement.md', 'charter')),
    ])
  })

  test('names every field of both files', () => {
    const { items, ...outer } = JSON.parse(spec('ceremony.md', 'request'))
    const answer = JSON.parse(spec('ceremony.md', 'answer'))
    const { text } = page('docs/spec/ceremony.md')
    const fields = [outer, answer, items[0]].flatMap(each => Object.keys(each)).filter(name => name !== 'kind')
    for (const name of fields) expect(text, name).toMatch(new RegExp(`^\\|.*\`${name}\`.*\\|$`, 'm'))
  })
})

describe('enrollment.md', () => {
  const [head = '', body = ''] = spec('enrollment.md', 'request').split('\n\n')
  const [answerHead = '', answer = ''] = split(spec('enrollment.md', 'reply'))
  const issued = JSON.parse(answer)

  test('shows the token of token.md and the request of certificate.md', () => {
    expect(head).toContain(`Authorization: Bearer ${spec('token.md', 'token')}\n`)
    expect(JSON.parse(body).csr.trim()).toBe(spec('certificate.md', 'request'))
    expect(head).toContain(`Content-Length: ${body.length}`)
    expect(answerHead).toContain(`content-length: ${utf8(JSON.stringify(issued)).length}`)
  })

  test('has a reply that a device takes', async () => {
    const { name } = JSON.parse(body)
    const asked = { publicKey: leaf.publicKey, name, kind: 'identity.enrolled' } as const
    const expected = { ...asked, anchor: root.der, domain: charter.domain, at }
    const { certificate: taken, charter: own } = await proveIssued(issued, expected)
    expect(hex(taken.der)).toBe(hex(leaf.der))
    expect(base64url(own!.bytes)).toBe(base64url(bytesOf('statement.md', 'charter')))
    expect(readBase64url(issued.charter)).toEqual(bytesOf('statement.md', 'charter'))
  })

  test('has every field of it', () => {
    const documented = [
      ...page('docs/spec/enrollment.md')
        .text.split('\n## Reply\n')[1]!
        .matchAll(/^\| `(\w+)` \|/gm),
    ]
    expect(documented.slice(0, Object.keys(issued).length).map(([, name]) => name)).toEqual(Object.keys(issued))
  })

  /** At the first empty line. */
  function split(text: string): [string, string] {
    const end = text.indexOf('\n\n')
    return [text.slice(0, end), text.slice(end + 2)]
  }
})

/** CBOR diagnostic notation (RFC 8949 8), one entry a line. */
function diagnostic(item: Cbor, indent = ''): string {
  const deeper = `${indent}  `
  const lines = (items: readonly string[]) => `\n${items.map(line => deeper + line).join(',\n')}\n${indent}`
  if (item instanceof Uint8Array) return `h'${hex(item)}'`
  if (item instanceof Tagged) return `${item.tag}(${diagnostic(item.value, indent)})`
  if (item instanceof Map) {
    if (item.size === 0) return '{}'
    return `{${lines([...item].map(([key, value]) => `${diagnostic(key)}: ${diagnostic(value, deeper)}`))}}`
  }
  if (Array.isArray(item)) return `[${lines(item.map(each => diagnostic(each, deeper)))}]`
  return JSON.stringify(item)
}
