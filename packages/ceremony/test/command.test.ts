import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readCeremonyAnswer, readCeremonyRequest } from '@mintmark/core/ceremony'
import { nodeVerify } from '@mintmark/elements'
import { describe, expect, test } from 'vitest'
import { showRequest } from '../src/answer.ts'
import { fingerprint } from '../src/describe-root.ts'
import { foundingRequest } from '../src/founding-request.ts'
import { openRoot, readRoot } from '../src/keys.ts'
import { desk, domain, passphrase, ports, run, typed } from './scene.ts'

// The command reads the computer's own clock.
const clock = { ...ports, now: () => Date.now() }

/** A directory with a root that the command made, a passphrase file and a request. */
async function ready(): Promise<{ directory: string; words: string; confirm: string }> {
  const directory = desk()
  writeFileSync(join(directory, 'secret'), `${passphrase}\n`, { mode: 0o600 })
  const made = run(directory, ...'keys create --keys root --domain example.test --passphrase-file secret'.split(' '))
  expect(made).toMatchObject({ code: 0, err: '' })
  const anchor = fingerprint(await readRoot(join(directory, 'root')))
  const request = await foundingRequest({ directory, domain, anchor, ...clock })
  writeFileSync(join(directory, 'request.json'), request)
  const { words } = await showRequest(request)
  return { directory, words, confirm: words.split(' ', 2).join(' ') }
}

test('a root is made, shown, and answers a request', async () => {
  const { directory, words, confirm } = await ready()
  const keys = JSON.parse(run(directory, 'keys', 'show', '--keys', 'root', '--json').out)
  expect(keys).toMatchObject({ title: 'Mintmark root, example.test', development: false, ceremonies: 0 })

  const shown = run(directory, 'show', 'request.json')
  expect(shown.code).toBe(0)
  expect(shown.out).toContain('may issue client certificates under rehearsal.example.test only')
  expect(shown.out.replace(/\s+/g, ' ')).toContain(`words ${words}`)
  expect(JSON.parse(run(directory, 'show', 'request.json', '--json').out)).toMatchObject({
    words,
    anchor: keys.fingerprint,
  })

  const args = ['answer', 'request.json', '--keys', 'root', '--passphrase-file', 'secret', '--json']
  const answered = run(directory, ...args, '--out', 'answer.json', `--confirm=${confirm}`)
  expect(answered.code).toBe(0)
  expect(answered.err).toContain('charter: fleet "rehearsal"')
  expect(JSON.parse(answered.out)).toMatchObject({
    answer: 'answer.json',
    root: keys.fingerprint,
    transcript: { ceremonies: 1 },
  })
  const request = await readCeremonyRequest(readFileSync(join(directory, 'request.json')), nodeVerify)
  await readCeremonyAnswer(readFileSync(join(directory, 'answer.json')), request, Date.now(), nodeVerify)

  const again = run(directory, ...args, '--out', 'answer.json', '--confirm', confirm)
  expect(again.code).toBe(1)
  expect(JSON.parse(again.out)).toMatchObject({ code: 'file-exists', hint: expect.any(String) })
})

test('rehearses', () => {
  const directory = desk()
  const done = run(directory, 'rehearse', '--dir', 'r', '--domain', 'example.test', '--json')
  expect(done.code).toBe(0)
  expect(JSON.parse(done.out)).toMatchObject({ directory: 'r', root: { development: true }, signed: 4 })
  expect(run(directory, 'rehearse', '--dir', 'r', '--domain', 'example.test').err).toContain('file-exists')
  const again = run(directory, ...'rehearse --dir q --domain example'.split(' '))
  expect(again.err).toContain('bad-domain')
})

test('works from a copy that holds its own three packages and nothing else', () => {
  const copy = desk()
  const checkout = join(import.meta.dirname, '../../..')
  mkdirSync(join(copy, 'node_modules', '@mintmark'), { recursive: true })
  for (const name of ['core', 'elements', 'ceremony']) {
    const from = join(checkout, 'packages', name)
    cpSync(from, join(copy, 'packages', name), { recursive: true, filter: path => basename(path) !== 'test' })
    symlinkSync(`../../packages/${name}`, join(copy, 'node_modules', '@mintmark', name))
  }
  const main = join(copy, 'packages/ceremony/src/main.ts')
  const args = [main, 'rehearse', '--dir', 'r', '--domain', 'example.test', '--json']
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8' })
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ signed: 4 })
})

test('refuses the wrong words, the wrong passphrase and a file that others can read', async () => {
  const { directory, words, confirm } = await ready()
  const answer = (file: string, said: string) =>
    run(
      directory,
      'answer',
      'request.json',
      '--keys',
      'root',
      '--out',
      'a',
      '--passphrase-file',
      file,
      '--confirm',
      said,
    )
  const swapped = words.split(' ', 2).reverse().join(' ')
  expect(answer('secret', swapped)).toMatchObject({ code: 1, err: expect.stringContaining('not-confirmed') })
  writeFileSync(join(directory, 'wrong'), 'another passphrase', { mode: 0o600 })
  expect(answer('wrong', confirm)).toMatchObject({ code: 1, err: expect.stringContaining('wrong-passphrase') })
  writeFileSync(join(directory, 'two'), `${passphrase}\n${passphrase}\n`, { mode: 0o600 })
  expect(answer('two', confirm)).toMatchObject({ code: 1, err: expect.stringContaining('not one line') })
  chmodSync(join(directory, 'secret'), 0o640)
  expect(answer('secret', confirm)).toMatchObject({ code: 1, err: expect.stringContaining('passphrase-exposed') })
  expect(existsSync(join(directory, 'a'))).toBe(false)
  expect(existsSync(join(directory, 'root', 'transcript.txt'))).toBe(false)
})

test('refuses a short passphrase and says how long one is', () => {
  const directory = desk()
  writeFileSync(join(directory, 'short'), 'eleven char\n', { mode: 0o600 })
  const made = run(directory, ...'keys create --keys root --domain example.test --passphrase-file short'.split(' '))
  expect(made).toMatchObject({ code: 1, err: expect.stringMatching(/weak-passphrase.*at least 12 characters/) })
  expect(existsSync(join(directory, 'root'))).toBe(false)
})

describe('wrong use exits with 2 and a hint:', () => {
  const uses = [
    '',
    'sign',
    'keys create --keys a --domain example.test',
    'keys create --keys a --domain example.test --passphrase hunter2hunter2',
    'keys create --keys',
    'keys create --keys= --domain example.test',
    'keys create --development=no --keys a --domain example.test',
    'show',
    'show missing.json',
    'answer request.json --keys root',
    'rehearse -d r',
  ]
  test.each(uses)('%s', use => {
    const directory = desk()
    const { code, out, err } = run(directory, ...use.split(' ').filter(word => word !== ''))
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(/^mintmark-ceremony: wrong-use: /)
  })
})

test('every command has help with an example', () => {
  const directory = desk()
  const overview = run(directory, '--help')
  expect(overview.code).toBe(0)
  const names = [...overview.out.matchAll(/^ {2}(\S+(?: \S+)?) {2,}/gm)].map(match => match[1]!)
  expect(names).toEqual(['keys create', 'keys show', 'show', 'answer', 'rehearse'])
  for (const name of names) {
    const help = run(directory, ...name.split(' '), '--help')
    expect(help.code).toBe(0)
    expect(help.out).toContain(`Example:\n  mintmark-ceremony ${name} `)
  }
})

describe('at a terminal', () => {
  const create = ['keys', 'create', '--keys', 'root', '--domain', 'example.test']

  test('the passphrase is typed twice and never seen', async () => {
    const directory = desk()
    const made = await typed(directory, create, [
      ['New passphrase', `${passphrase}x\u007f\r`],
      ['The same again', `${passphrase}\r`],
    ])
    expect(made.code).toBe(0)
    expect(made.screen).toContain('Mintmark root, example.test')
    expect(made.screen).not.toContain('correct')
    await openRoot(join(directory, 'root'), passphrase)
  })

  test('two passphrases that differ, a short one and Control-C make nothing', async () => {
    const directory = desk()
    const differ = await typed(directory, create, [
      ['New passphrase', `${passphrase}\r`],
      ['The same again', `${passphrase}.\r`],
    ])
    expect(differ).toMatchObject({ code: 2, screen: expect.stringContaining('the two passphrases differ') })
    const short = await typed(directory, create, [['New passphrase', 'short\r']])
    expect(short).toMatchObject({ code: 1, screen: expect.stringContaining('weak-passphrase') })
    const stopped = await typed(directory, create, [['New passphrase', 'corr\u0003']])
    expect(stopped).toMatchObject({ code: 2, screen: expect.stringContaining('stopped') })
    expect(existsSync(join(directory, 'root'))).toBe(false)
  })

  test('the signer sees the lines, types two words, then the passphrase', async () => {
    const { directory, confirm } = await ready()
    const args = ['answer', 'request.json', '--keys', 'root', '--out', 'answer.json']
    const wrong = await typed(directory, args, [['First two words: ', 'aardvark aardvark\r']])
    expect(wrong).toMatchObject({ code: 1, screen: expect.stringContaining('not-confirmed') })
    const signed = await typed(directory, args, [
      ['First two words: ', `${confirm}\r`],
      ['Passphrase: ', `${passphrase}\r`],
    ])
    expect(signed.code).toBe(0)
    expect(signed.screen.indexOf('charter: fleet')).toBeLessThan(signed.screen.indexOf('First two words'))
    expect(signed.screen).not.toContain('correct')
    expect(existsSync(join(directory, 'answer.json'))).toBe(true)
  })
})
