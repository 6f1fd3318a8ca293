import { pem, readBase64url, readPem } from '@mintmark/core/bytes'
import { codes, Refused } from '@mintmark/core/errors'
import { z } from 'zod'
import { makeRevocationList } from '../operations/crl.ts'
import { listDevices, lowerStanding, readDevice, readDidDocument, whoami } from '../operations/devices.ts'
import { type EnrollmentReply, enroll, enrollmentJson, receiptJson } from '../operations/enroll.ts'
import { createFleet, listFleets, mergeCeremony, readFleet, requestCeremony, setPolicy } from '../operations/fleets.ts'
import { readHead, readLedgerTile, readReceipt } from '../operations/ledger.ts'
import { giveNotice, recordWipe } from '../operations/notice.ts'
import { renew } from '../operations/renew.ts'
import { createToken, listTokens, revokeToken } from '../operations/tokens.ts'
import { readTrustView } from '../operations/trust.ts'
import type { OperationName } from './access.ts'
import { type Call, json, type Operation, type Reply } from './call.ts'
import {
  grantsOf,
  identityOf,
  proofOf,
  readIndex,
  readInput,
  readLimit,
  readOptionalInput,
  sees,
  sessionOf,
  why,
} from './input.ts'
import { describeApi } from './openapi.ts'
import { auditOperations } from './operations-audit.ts'
import { configOperations } from './operations-config.ts'
import { messagesOperations } from './operations-messages.ts'
import { peopleOperations } from './operations-people.ts'
import { registryOperations } from './operations-registry.ts'

const enrollment = z.strictObject({ csr: z.string().max(8_192), name: z.string().max(256).optional() })
const renewal = enrollment.extend({ succession: z.string().max(2_048).optional() })
const fleetPolicy = z.strictObject({
  lateRenewal: z.number().optional(),
  messagesPerMinute: z.number().optional(),
  reason: why,
})
const newFleet = z.strictObject({ name: z.string().max(256), public: z.boolean().optional(), reason: why })
const newToken = z.strictObject({
  uses: z.number(),
  ttl: z.number(),
  name: z.string().max(256).optional(),
  pattern: z.string().max(256).optional(),
  tier: z.string().max(64).optional(),
  replaces: z.string().max(256).optional(),
  reason: why,
})
const question = z.strictObject({ nonce: z.string().max(64) })
const lastWord = z.strictObject({ confirmation: z.string().max(1_024) })
const because = z.strictObject({ reason: z.string().max(256) })
const perhapsBecause = z.strictObject({ reason: why })
const ceremonyAnswer = z.strictObject({ answer: z.string().max(2_000_000) })

const pkcs10 = 'application/pkcs10'
const pemChain = 'application/pem-certificate-chain'

/** Every operation of the machine listener: READ, DECIDE and COMMIT are in `operations/`, here is their HTTP form. */
export const operations: { readonly [N in OperationName]: Operation } = {
  ...auditOperations,
  ...peopleOperations,
  ...configOperations,
  ...messagesOperations,
  ...registryOperations,
  'POST /v1/enroll': {
    summary: 'Enroll the key of a signing request, with a token as bearer',
    input: enrollment,
    query: ['name'],
    accepts: [pkcs10],
    status: 201,
    async run(call) {
      const { caller, platform, query, accept } = call
      if (caller.kind !== 'token') throw new Refused('refused', 'no token')
      const { csr, name, plain } = readEnrollment(call)
      if (name !== undefined && query.name !== undefined) throw new Refused('bad-request', 'the name twice')
      return issued(await enroll(platform, caller, csr, name ?? query.name), accept, plain)
    },
  },
  'POST /v1/renew': {
    summary: 'Another certificate for the identity that calls, with its key or with one that its key signed for',
    input: renewal,
    accepts: [pkcs10],
    status: 201,
    async run(call) {
      const proof = proofOf(call)
      const { csr, name, succession, plain } = readRenewal(call)
      // The certificate names the caller; a name in the body can only be the same or a mistake.
      if (name !== undefined && name !== proof.identity.name) throw new Refused('renew-name')
      return issued(await renew(call.platform, proof, csr, succession), call.accept, plain)
    },
  },
  'POST /v1/notice': {
    summary: 'The signed notice that the caller is decommissioned, in answer to its nonce (32 bytes, base64url)',
    input: question,
    status: 410,
    async run(call) {
      const { nonce } = readInput(call, question)
      const { notice, chain } = await giveNotice(call.platform, proofOf(call), readBase64url(nonce))
      const { status, message } = codes.decommissioned
      const body = {
        code: 'decommissioned',
        message,
        notice: Buffer.from(notice).toString('base64url'),
        chain: pemOf(chain),
      }
      return { ...json(body, status), refused: 'decommissioned' }
    },
  },
  'POST /v1/notice/confirmation': {
    summary: 'The word of a decommissioned device that it wiped its key (base64url)',
    input: lastWord,
    async run(call) {
      const { confirmation } = readInput(call, lastWord)
      return json(await recordWipe(call.platform, readBase64url(confirmation)))
    },
  },
  'GET /v1/me': {
    summary: 'Who the caller is, as certificate and registry say',
    run: async call => json(await whoami(call.platform, proofOf(call), grantsOf(call), sessionOf(call))),
  },
  'GET /v1/trust': {
    summary: 'Root, issuing CAs and ledger heads, read live',
    run: async ({ platform }) => json(await readTrustView(platform)),
  },
  'GET /trust/root.pem': {
    summary: 'The root certificate',
    run: async ({ platform }) => ({
      status: 200,
      type: 'application/x-pem-file',
      body: pem('CERTIFICATE', platform.trust.root.der),
    }),
  },
  'GET /crl/:fleet': {
    summary: 'Certificate revocation list of a fleet, DER (for third parties)',
    async run(call) {
      const body = await makeRevocationList(call.platform, await readableFleet(call))
      return { status: 200, type: 'application/pkix-crl', body }
    },
  },
  'GET /fleets/:fleet/devices/:name/did.json': {
    summary: 'did:web document of a device of a public fleet',
    run: async ({ platform, params }) => json(await readDidDocument(platform, params.fleet!, params.name!)),
  },
  'GET /log/:fleet/checkpoint': {
    summary: 'Signed head of a ledger (C2SP tlog-checkpoint)',
    async run(call) {
      // That the platform's own ledger only grows is for anyone to watch; what is in it names fleets that are private.
      const ledger = call.params.fleet === 'platform' ? 'platform' : await readableFleet(call)
      return { status: 200, type: 'text/plain; charset=utf-8', body: await readHead(call.platform, ledger) }
    },
  },
  'GET /log/:fleet/tile/:path{.+}': {
    summary: 'Tile or entry bundle of a ledger (C2SP tlog-tiles)',
    async run(call) {
      const body = await readLedgerTile(call.platform, await readableFleet(call), `tile/${call.params.path}`)
      return { status: 200, type: 'application/octet-stream', body }
    },
  },
  'GET /receipts/:fleet/:index': {
    summary: 'Proof that an entry is in its ledger, against the newest head',
    async run(call) {
      const ledger = await readableFleet(call)
      return json(receiptJson(await readReceipt(call.platform, ledger, readIndex(call.params.index!))))
    },
  },
  'GET /openapi.json': {
    summary: 'This description',
    run: async () => json(describeApi(operations)),
  },
  'GET /healthz': {
    summary: 'Whether the process answers',
    run: async () => json({ ok: true }),
  },

  'GET /v1/fleets': {
    summary: 'Fleets that the calling operator may see',
    run: async call => json(await listFleets(call.platform, fleet => sees(call, fleet))),
  },
  'POST /v1/fleets': {
    summary: 'Make a fleet; it is pending until the offline root has signed its charter',
    input: newFleet,
    status: 201,
    async run(call) {
      const { name, public: isPublic = false, reason } = readInput(call, newFleet)
      return json(await createFleet(call.platform, identityOf(call), { name, public: isPublic, reason }), 201)
    },
  },
  'GET /v1/fleets/:fleet': {
    summary: 'One fleet',
    run: async ({ platform, params }) => json(await readFleet(platform, params.fleet!)),
  },
  'PUT /v1/fleets/:fleet/policy': {
    summary:
      'Say for how long after its end a certificate still renews (milliseconds, 0 is never), and how many messages a minute of one key are recorded',
    input: fleetPolicy,
    async run(call) {
      const policy = readInput(call, fleetPolicy)
      return json(await setPolicy(call.platform, identityOf(call), call.params.fleet!, policy))
    },
  },
  'GET /v1/fleets/:fleet/tokens': {
    summary: 'Enrollment tokens of a fleet, newest first, a page at a time, without their secrets',
    query: ['state', 'after', 'limit'],
    async run({ platform, params, query: { limit, ...asked } }) {
      return json(await listTokens(platform, params.fleet!, { ...asked, limit: readLimit(limit) }))
    },
  },
  'POST /v1/fleets/:fleet/tokens': {
    summary: 'Make an enrollment token; `ttl` is in milliseconds',
    input: newToken,
    status: 201,
    async run(call) {
      const input = readInput(call, newToken)
      return json(
        await createToken(call.platform, identityOf(call), call.params.fleet!, input, call.addresses.machine),
        201,
      )
    },
  },
  'POST /v1/fleets/:fleet/tokens/:id/revoke': {
    summary: 'Revoke an enrollment token',
    input: perhapsBecause,
    async run(call) {
      const { reason } = readOptionalInput(call, perhapsBecause)
      const { fleet, id } = call.params
      return json(await revokeToken(call.platform, identityOf(call), fleet!, id!, reason))
    },
  },
  'GET /v1/fleets/:fleet/devices': {
    summary: 'Devices of a fleet by name, a page at a time; a page may be short, or empty, before the last',
    query: ['label', 'search', 'standing', 'after', 'limit'],
    async run({ platform, params, query: { limit, ...asked } }) {
      return json(await listDevices(platform, params.fleet!, { ...asked, limit: readLimit(limit) }))
    },
  },
  'GET /v1/fleets/:fleet/devices/:name': {
    summary: 'One device',
    run: async ({ platform, params }) => json(await readDevice(platform, params.fleet!, params.name!)),
  },
  'POST /v1/fleets/:fleet/devices/:name/revoke': {
    summary: 'Revoke a device: refused everywhere once this answers',
    input: because,
    run: call => lower(call, 'revoked'),
  },
  'POST /v1/fleets/:fleet/devices/:name/decommission': {
    summary: 'Decommission a device for good',
    input: because,
    run: call => lower(call, 'decommissioned'),
  },
  'GET /v1/ceremony': {
    summary: 'What waits for the offline root, as a request file (base64url)',
    async run({ platform }) {
      const request = await requestCeremony(platform)
      return json({ request: request === undefined ? null : Buffer.from(request).toString('base64url') })
    },
  },
  'POST /v1/ceremony': {
    summary: 'Merge what the offline root signed (an answer file, base64url)',
    input: ceremonyAnswer,
    mostBytes: 4_000_000,
    async run(call) {
      const { answer } = readInput(call, ceremonyAnswer)
      return json(await mergeCeremony(call.platform, identityOf(call).path, readBase64url(answer)))
    },
  },
}

/** READ: a signing request and perhaps a name, as JSON, or the request alone as PKCS#10. */
function readEnrollment(call: Call): { csr: Uint8Array; name: string | undefined; plain: boolean } {
  // Before anything else is found wrong with it: whoever sent a private key must hear that it is lost.
  if (Buffer.from(call.body).includes('PRIVATE KEY-----')) throw new Refused('private-key-sent')
  if (call.contentType === pkcs10) return { csr: readPkcs10(call.body), name: undefined, plain: true }
  const { csr, name } = readInput(call, enrollment)
  return { csr: readPem('CERTIFICATE REQUEST', csr), name, plain: false }
}

/** READ: as for an enrollment; JSON may bring the current key's word for another one. */
function readRenewal(call: Call) {
  if (call.contentType === pkcs10) return { ...readEnrollment(call), succession: undefined }
  const { succession, ...rest } = readInput(call, renewal)
  const statement = succession === undefined ? undefined : readBase64url(succession)
  return { ...rest, csr: readPem('CERTIFICATE REQUEST', rest.csr), succession: statement, plain: false }
}

/** JSON, or certificate and CA alone as PEM: what was asked for, or the form that the request had. */
function issued(reply: EnrollmentReply, accept: string, plain: boolean): Reply {
  if (accept !== pemChain && (!plain || accept === 'application/json')) return json(enrollmentJson(reply), 201)
  return { status: 201, type: pemChain, body: pemOf([reply.certificate, reply.chain]) }
}

const pemOf = (chain: readonly Uint8Array[]): string => chain.map(der => pem('CERTIFICATE', der)).join('')

/** DER, or one PEM block: the first byte tells. */
const readPkcs10 = (body: Uint8Array): Uint8Array =>
  body[0] === 0x30 ? body : readPem('CERTIFICATE REQUEST', Buffer.from(body).toString('latin1'))

async function lower(call: Call, to: 'revoked' | 'decommissioned'): Promise<Reply> {
  const { reason } = readInput(call, because)
  const { fleet, name } = call.params
  const { receipt, ...device } = await lowerStanding(
    call.platform,
    identityOf(call),
    { fleet: fleet!, name: name! },
    to,
    reason,
  )
  return json({ ...device, receipt: receipt && receiptJson(receipt) })
}

/** The fleet that the path names, where it is public or the caller sees it; otherwise it is as if there were none. */
async function readableFleet(call: Call): Promise<string> {
  const fleet = call.params.fleet!
  if (sees(call, fleet)) return fleet
  const row = await call.platform.store.fleet(fleet)
  if (row?.public !== 1) throw new Refused('not-found')
  return fleet
}
