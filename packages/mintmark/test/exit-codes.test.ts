import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { fresh } from '../../device/test/listening.ts'
import { TestPlatform } from '../../device/test/platform.ts'
import { operated, ran } from './operated.ts'

const bin = fileURLToPath(new URL('../bin/mintmark', import.meta.url))

/** The command as people start it. */
async function started(args: readonly string[], { input = '', env = {} } = {}) {
  const child = spawn(bin, args, { env: { ...process.env, ...env }, stdio: 'pipe' })
  child.stdin.end(input)
  const [out, err, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise(resolve => child.on('close', resolve)),
  ])
  return { code, out, err }
}

describe('wrong use', () => {
  test.each([
    [['nonsense'], "unknown command 'nonsense'", 'mintmark --help'],
    [['nonsense', '--help'], "unknown command 'nonsense'", 'mintmark --help'],
    [['fleet', 'creat', '-h'], "unknown command 'creat'", 'mintmark fleet --help'],
    [['fleet', 'creat', 'acme'], "unknown command 'creat'", 'mintmark fleet --help'],
    [['fleet', 'create'], "missing required argument 'fleet'", 'mintmark fleet create --help'],
    [['fleet', 'list', '--nonsense'], "unknown option '--nonsense'", 'mintmark fleet list --help'],
    [['token', 'create'], "required option '--fleet <fleet>' not specified", 'mintmark token create --help'],
    [['token', 'create', '--fleet', 'acme', '--ttl', 'soon'], 'Say a time such as', 'mintmark token create --help'],
    [['token', 'create', '--fleet', 'acme', '--uses', 'two'], 'Say a whole number', 'mintmark token create --help'],
    [['token', 'create', '--fleet=a', '--replaces=a/b', '--uses=1'], 'cannot be used with', 'mintmark token create'],
    [['token', 'create', '--fleet=a', '--replaces=a/b', '--name=b'], 'cannot be used with', 'mintmark token create'],
    [['token', 'create', '--fleet=a', '--replaces=c/b'], 'and --fleet is a', 'mintmark token create'],
    [['token', 'create', '--fleet=a', '--name=b', '--name-pattern=c'], 'cannot be used with', 'mintmark token create'],
    [['enroll', 'x', '--key', 'rsa'], 'Allowed choices are ed25519, p256', 'mintmark enroll --help'],
    [['enroll', 'x', 'y'], 'too many arguments', 'mintmark enroll --help'],
    [['revoke', 'acme/device-104'], "required option '--reason <text>' not specified", 'mintmark revoke --help'],
    [['revoke', 'device-104', '--reason', 'x'], 'Say <fleet>/<device>', 'mintmark revoke --help'],
  ])('%j has exit code 2', async (args, message, hint) => {
    const { code, out, err } = await ran(...args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(/^mintmark: wrong-use: /)
    expect(err).toContain(message)
    expect(err).toContain(`hint: ${hint}`)
  })

  test('is told to a script as JSON', async () => {
    const { code, out } = await ran('enroll', 'x', '--key', 'rsa', '--json')
    expect(code).toBe(2)
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'wrong-use', hint: 'mintmark enroll --help' } })
  })
})

describe('a value that is refused', () => {
  test.each([
    [['token', 'create', '--fleet', 'acme', '--ttl', '3600'], 'bad-number'],
    [['token', 'create', '--fleet', 'acme', '--uses', '0'], 'bad-number'],
    [['token', 'create', '--fleet', 'Acme'], 'bad-fleet'],
    [['token', 'create', '--fleet', 'acme', '--name-pattern', '**'], 'bad-name'],
    [['token', 'create', '--fleet', 'acme', '--key-tier', 'gold'], 'bad-request'],
    [['fleet', 'create', 'platform'], 'bad-fleet'],
    [['enroll', 'mmt1_AAAA'], 'bad-token'],
    [['enroll', 'mmt1_AAAA', '--name', '../x'], 'bad-name'],
    [['revoke', 'acme/device-104', '--reason', ''], 'bad-request'],
    [['whoami', '--home', '/nowhere'], 'home-missing'],
    [['renew', '--home', '/nowhere'], 'home-missing'],
    [['wipe', '--home', '/nowhere'], 'home-missing'],
  ])('%j has exit code 1', async (args, code) => {
    const result = await ran(...args, '--json')
    expect(result.code).toBe(1)
    expect(result.err).toMatch(new RegExp(`^mintmark: ${code}: .*\nhint: .+\n$`))
    expect(JSON.parse(result.out)).toMatchObject({ error: { code, hint: expect.stringMatching(/./) } })
  })

  test('of a form that the command does not take leads to its help', async () => {
    const { err } = await ran('revoke', 'acme/device-104', '--reason', '')
    expect(err).toContain('hint: mintmark revoke --help\n')
  })

  test('a founding where a rehearsal was begun, so that no development root is taken for the real one', async () => {
    const data = fresh('data')
    const unreachable = 'postgres://nobody@127.0.0.1:1/mintmark'
    const up = ['up', '--data', data, '--domain', 'example.test', '--database', unreachable, '--port', '0']
    expect((await ran(...up, '--console-port', '0')).err).toMatch(/^mintmark: database-unreachable: /)
    const before = readdirSync(data)
    const out = join(data, 'request.json')
    const { code, err } = await ran('ceremony', 'request', '--data', data, '--domain', 'example.test', '--out', out)
    expect(code).toBe(1)
    expect(err).toMatch(/^mintmark: file-exists: .*development-ceremony.*\nhint: .*name another --data/)
    expect(readdirSync(data)).toEqual(before)
  })

  test('another domain than that of the directory, and the right one is named', async () => {
    const data = fresh('data')
    mkdirSync(join(data, 'development-ceremony'), { recursive: true })
    writeFileSync(join(data, 'platform.json'), '{"v":1,"domain":"example.test"}\n')
    const { code, err } = await ran(
      'up',
      '--data',
      data,
      '--domain',
      'other.test',
      '--port',
      '0',
      '--console-port',
      '0',
    )
    expect(code).toBe(1)
    expect(err).toMatch(/^mintmark: bad-domain: .*\nhint: leave --domain out, or say example\.test\n$/)
  })
})

describe('the command as a process', () => {
  test('ends with 0, and with 2 where it was used wrongly', async () => {
    expect(await started(['--version'])).toMatchObject({ code: 0, err: '' })
    expect(await started(['--nonsense'])).toMatchObject({ code: 2, out: '' })
  })

  test('takes the data directory from the environment, and ends with 1 and 3', async () => {
    const { data, stop } = await operated()
    const env = { MINTMARK_DATA: data }
    expect(await started(['fleet', 'list', '--json'], { env })).toMatchObject({ code: 1 })
    await stop()
    const { code, out } = await started(['fleet', 'list', '--json'], { env })
    expect(code).toBe(3)
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'unreachable' } })
  })

  test('enrolls with a token from standard input, and is then known', async () => {
    const platform = await TestPlatform.start()
    const home = fresh('home')
    const env = { MINTMARK_HOME: home }
    const args = ['enroll', '-', '--name', 'device-104', '--json']
    const enrolled = await started(args, { env, input: `${platform.token()}\n` })
    expect(enrolled).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(enrolled.out)).toEqual({
      identity: 'spiffe://acme.example.test/device/device-104',
      did: expect.stringMatching(/^did:key:z6Mk/),
      certificate: join(home, 'cert.pem'),
      key: 'software',
      tier: 'software',
      url: platform.url,
      fleet: 'acme',
      name: 'device-104',
      role: 'device',
      serial: expect.stringMatching(/^[0-9a-f]+$/),
      notAfter: expect.stringMatching(/^2.*Z$/),
    })
    const whoami = await started(['whoami', '--json'], { env })
    expect(JSON.parse(whoami.out)).toMatchObject({ identity: 'spiffe://acme.example.test/device/device-104' })
    const renewed = await started(['renew', '--json'], { env })
    expect(JSON.parse(renewed.out).serial).not.toBe(JSON.parse(enrolled.out).serial)
  })

  test('enrolls with a token from the environment or the command line, in words', async () => {
    const platform = await TestPlatform.start()
    const token = platform.token()
    const [home, other] = [fresh('home'), fresh('other')]
    const { code, out } = await started(['enroll', '--home', home, '--key', 'p256'], { env: { MINTMARK_TOKEN: token } })
    expect(code).toBe(0)
    expect(out).toMatch(/^Enrolled as spiffe:\/\/acme\.example\.test\/device\/device-104\n {2}did {10}did:key:zDn/)
    expect(out).toContain(`certificate  ${join(home, 'cert.pem')}, until 2`)
    expect(await started(['enroll', token, '--home', other])).toMatchObject({ code: 0, err: '' })
    expect(readFileSync(join(other, 'key.pem'), 'utf8')).toContain('PRIVATE KEY')
  })

  test('says what is missing where there is no token, and takes no endless one', async () => {
    const home = fresh('home')
    expect(await started(['enroll', '--home', home], { env: { MINTMARK_TOKEN: '' } })).toMatchObject({ code: 2 })
    expect(await started(['enroll', '-', '--home', home], { input: 'x'.repeat(100_000) })).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^mintmark: too-large: /),
    })
  })

  test('has colours only where they were asked for', async () => {
    const args = ['whoami', '--home', '/nowhere']
    expect((await started(args)).err).not.toContain('\u001b')
    expect((await started(args, { env: { FORCE_COLOR: '1' } })).err).toContain('\u001b[31mhome-missing')
  })
})
