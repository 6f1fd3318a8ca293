import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readCeremonyAnswer, readCeremonyRequest } from '@mintmark/core/ceremony'
import { nodeVerify } from '@mintmark/elements'
import { expect, test } from 'vitest'
import { fingerprint } from '../src/describe-root.ts'
import { foundingRequest } from '../src/founding-request.ts'
import { rehearsalSigner, rehearse } from '../src/rehearsal.ts'
import { readTranscript } from '../src/transcript.ts'
import { at, desk, domain, newRoot, ports } from './scene.ts'

test('a platform rehearses its ceremony: the same root after a restart, every answer in the transcript', async () => {
  const directory = desk()
  const keys = join(directory, 'development-ceremony')
  const first = await rehearsalSigner(keys, domain, ports)
  const again = await rehearsalSigner(keys, domain, ports)
  expect(again.rootCertificate.der).toEqual(first.rootCertificate.der)
  for (const signer of [first, again]) {
    const request = await foundingRequest({ directory, domain, anchor: fingerprint(first.rootCertificate), ...ports })
    const answer = await signer.answer(request)
    const read = await readCeremonyRequest(request, nodeVerify)
    expect((await readCeremonyAnswer(answer, read, at, nodeVerify)).items).toHaveLength(4)
  }
  expect(readTranscript(keys).ceremonies).toBe(2)
})

test('says in capitals that the keys are for development', async () => {
  const keys = join(desk(), 'keys')
  await rehearsalSigner(keys, domain, ports)
  expect(readFileSync(join(keys, 'README.txt'), 'utf8')).toContain('THESE ARE DEVELOPMENT KEYS')
  expect(statSync(join(keys, 'passphrase.txt')).mode & 0o777).toBe(0o600)
})

test('two processes that start at once share one root', async () => {
  const keys = join(desk(), 'keys')
  const signers = await Promise.all([1, 2, 3].map(() => rehearsalSigner(keys, domain, ports)))
  expect(new Set(signers.map(({ rootCertificate }) => fingerprint(rootCertificate))).size).toBe(1)
})

test('never takes a production root, nor a root of another domain', async () => {
  const directory = desk()
  await newRoot(join(directory, 'production'))
  await expect(rehearsalSigner(join(directory, 'production'), domain, ports)).rejects.toMatchObject({
    code: 'file-exists',
  })
  expect(existsSync(join(directory, 'production', 'passphrase.txt'))).toBe(false)
  await rehearsalSigner(join(directory, 'other'), 'example.org', ports)
  await expect(rehearsalSigner(join(directory, 'other'), domain, ports)).rejects.toMatchObject({ code: 'file-exists' })
})

test('a whole rehearsal proves every item, and leaves no key of the other side', async () => {
  const directory = join(desk(), 'rehearsal')
  const { proven, transcript } = await rehearse(directory, domain, ports)
  expect(proven.items).toHaveLength(4)
  expect(transcript.ceremonies).toBe(1)
  const names = ['README.txt', 'answer.json', 'passphrase.txt', 'request.json', 'root.key.json', 'root.pem']
  expect(readdirSync(directory).sort()).toEqual([...names, 'transcript.txt', 'turn.free'])
  await expect(rehearse(directory, domain, ports)).rejects.toMatchObject({ code: 'file-exists' })
})
