import { execFile } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, PlatformProcess } from '@mintmark/testing/faults'
import { describe, expect, test } from 'vitest'
import { need } from '../../scripts/services.ts'

// The first hour of a platform and a device, command by command, across moments at which clocks and calendars are
// known to break programs. Each clock starts seconds before the moment and runs on.

const missing = need('faketime')
const command = join(import.meta.dirname, '../../packages/mintmark/bin/mintmark')
const run = promisify(execFile)

const moments = [
  { what: 'the end of 32 bits', at: '2038-01-19 03:14:05', zone: 'UTC' },
  { what: 'the end of UTCTime', at: '2049-12-31 23:59:57', zone: 'UTC' },
  { what: 'a leap day', at: '2028-02-28 23:59:57', zone: 'UTC' },
  { what: 'the hour that winter gives twice', at: '2027-10-31 02:59:57', zone: 'Europe/Berlin' },
] as const

describe.skipIf(missing)(`across ${missing ? `a moment (skipped: ${missing})` : 'awkward moments'}`, () => {
  test.each(moments)('$what: a device enrolls, calls, renews, and is revoked', async ({ at, zone }) => {
    const directory = mkdtempSync(join(tmpdir(), 'mintmark-moment-'))
    const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1')
    // Every process starts its clock again at that moment, or a little behind it.
    const env = { ...process.env, LD_PRELOAD: library, FAKETIME: `@${at}`, FAKETIME_DONT_FAKE_MONOTONIC: '1', TZ: zone }
    const data = join(directory, 'data')
    const home = join(directory, 'home')
    const mintmark = async (...args: string[]) => JSON.parse((await run(command, [...args, '--json'], { env })).stdout)
    const platform = await PlatformProcess.start({ data, port: await freePort(), env })
    try {
      await mintmark('fleet', 'create', 'acme', '--data', data)
      const { token } = await mintmark('token', 'create', '--fleet', 'acme', '--ttl', '1h', '--data', data)
      const enrolled = await mintmark('enroll', token, '--name', 'device-104', '--home', home)
      expect(enrolled).toMatchObject({ identity: 'spiffe://acme.example.test/device/device-104' })
      expect(await mintmark('whoami', '--home', home)).toMatchObject({ standing: 'good' })
      await mintmark('renew', '--home', home)
      await mintmark('revoke', 'acme/device-104', '--reason', 'lost', '--data', data)
      const refused = await mintmark('whoami', '--home', home).then(
        () => 'accepted',
        (error: { code: number; stdout: string }) => [error.code, JSON.parse(error.stdout).error.code],
      )
      expect(refused).toEqual([1, 'revoked'])
      expect(await mintmark('audit', 'verify', '--data', data)).toMatchObject({ ok: true })
    } finally {
      await platform.kill()
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
