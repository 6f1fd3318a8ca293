import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:tls'
import { PrivateCa } from '@mintmark/testing'
import { freePort, PlatformProcess } from '@mintmark/testing/faults'
import { expect, onTestFinished, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { fresh, listen } from '../../device/test/listening.ts'
import { ran } from './operated.ts'

const missing = need('openssl')

test.skipIf(missing)(`a sink of a private CA is reached with --sink-ca${missing ?? ''}`, async () => {
  const ca = new PrivateCa()
  onTestFinished(() => ca.remove())
  const { cert, key } = ca.issue('DNS:localhost')
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) })
  const proven = once(server, 'secureConnection')
  const { url } = await listen(server)
  const options = ['--sink', `${url}/messages`, '--sink-ca', ca.file]
  const platform = await PlatformProcess.start({ data: fresh('data'), port: await freePort(), options })
  onTestFinished(() => platform.kill())
  await proven
  expect(await platform.stop()).toBe(0)
  expect(platform.complaints).toBe('')
})

test('a file of CAs that has none is refused before anything listens', async () => {
  const file = fresh('ca.pem')
  writeFileSync(file, 'our CA\n')
  for (const path of [file, `${file}.missing`]) {
    const args = ['up', '--data', fresh('data'), '--port', '0', '--console-port', '0']
    const { code, out, err } = await ran(...args, '--sink-ca', path)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^mintmark: bad-sink-ca: .*\nhint: name with --sink-ca/)
  }
})
