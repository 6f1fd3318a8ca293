import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { example, root } from './pages.ts'

// Every example is run, and says what it is there to show.

const expected: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  'first-message.ts': [/^\d{3} bytes from did:key:z6Mk\w+: \{"celsius":21\.5\}$/],
  'gateway.ts': [
    'sensor-7: 21.5',
    'the door: refused',
    'the service: gateway-refused',
    'the gateway: sensor-8 gateway-refused, dropped',
  ],
  'jwt-receiver.ts': [
    'another body: the body is not the one that was signed',
    'first: {"celsius":21.5}',
    'again: it was received before',
    'another scope: for this it may not send',
    /^another receiver: .*"aud"/,
    'on behalf: a claim that is not known here',
  ],
  'replay-refused.ts': ['first: the front door', 'again: message-replayed'],
  'sealed.ts': [
    'on the way: not readable',
    'at the ward: {"patient":"A. Berg","result":"negative"} sealed',
    'under way: opened',
    'proven: {"patient":"A. Berg","result":"negative"}',
    'to the doctor: no-encryption-key',
  ],
  'scope-refused.ts': [
    'floor3.temperature:report -> floor3.temperature:report',
    'floor4.temperature:report -> scope-refused',
    'floor3.doors:open -> scope-refused',
    'revoked -> revoked',
  ],
}

const examples = globSync('examples/messages/*.ts', { cwd: root }).toSorted()

test('there are those that are listed here, each under 60 lines', () => {
  expect(examples.map(path => path.split('/').at(-1))).toEqual(Object.keys(expected).toSorted())
  const elsewhere = ['messages/platform/*', 'browser/*', 'worker/*', 'sidecar/*', 'python/verify_envelope.py']
  const others = globSync(
    elsewhere.map(path => `examples/${path}`),
    { cwd: root },
  )
  expect(others.length).toBeGreaterThan(10)
  for (const path of [...examples, ...others]) {
    expect(readFileSync(join(root, path), 'utf8').trimEnd().split('\n').length, path).toBeLessThan(60)
  }
})

test('what docs/messages.md shows of a receiver with a JWT library is what runs', () => {
  const source = readFileSync(join(root, 'examples/messages/jwt-receiver.ts'), 'utf8')
  expect(source.replaceAll(/^ {2}/gm, '')).toContain(example('docs/messages.md', 'jwt-receiver'))
})

test.each(examples)('%s', async path => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, path)], { cwd: root })
  const lines = stdout.trimEnd().split('\n')
  const due = expected[path.split('/').at(-1)!]!
  expect(lines).toHaveLength(due.length)
  for (const [i, line] of lines.entries()) expect(line).toMatch(due[i]!)
})
