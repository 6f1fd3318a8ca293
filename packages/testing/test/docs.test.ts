import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { codes } from '@mintmark/core/errors'
import { operatorRoles } from '@mintmark/core/rules'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { makeProgram } from '../../mintmark/src/program.ts'
import { certificateFindings, charterFindings, ledgerFindings } from '../../server/src/inbound/trust-center/words.ts'
import { anchors, fences, page, pages, root, spans } from './pages.ts'
import { runPage } from './run-page.ts'
import { tableRows } from './table.ts'

// What the documents say is so: their commands run, and what they name exists.

const run = ['docs/operator.md', 'docs/device-builder.md', 'docs/auditor.md']

const missing = need('curl') ?? need('openssl')

// A page is a day's work; the limit is for one that hangs.
test.skipIf(missing).each(run)('every command of %s does what the page says', { timeout: 600_000 }, async path => {
  const { steps, problems } = await runPage(page(path))
  expect(problems).toEqual([])
  expect(steps).toBeGreaterThan(5)
})

const named = pages.map(each => [each.path, each] as const)

test.each(named)('every link of %s leads somewhere', (path, where) => {
  const links = [...where.text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  const broken = links.filter(link => {
    if (/^(?:https|mailto):/.test(link)) return false
    const [file = '', anchor] = link.split('#')
    const target = file === '' ? path : posix.join(posix.dirname(path), file)
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !anchors(page(target)).includes(anchor)
  })
  expect(broken).toEqual([])
})

describe('commands', () => {
  const known = new Map([...commandsOf(makeProgram()), ...ceremonyCommands()])
  const options = new Set([...known.values()].flatMap(each => [...each]))
  // Of curl, where a page fetches the root before it can trust anything; no command of ours has the like.
  const curls = '--insecure'

  test.each(named)('every command and option in %s exists', (_, where) => {
    const lines = fences(where).flatMap(({ body }) => body.replaceAll('\\\n', ' ').split('\n'))
    const problems = [...spans(where), ...lines].flatMap(problemsOf)
    const lone = spans(where).filter(span => /^--[a-z-]+$/.test(span) && span !== curls && !options.has(span))
    expect([...problems, ...lone]).toEqual([])
  })

  /** Every use of a command in one line of code. */
  function problemsOf(line: string): string[] {
    const uses = line.matchAll(
      /(?<![\w./@"-]|node_modules\/)(?:\S*node_modules\/\.bin\/)?(mintmark(?:-ceremony)?)((?: [^|;&)<>"#]*)?)/g,
    )
    return [...uses].flatMap(([, program = '', rest = '']) => {
      const words = rest.trim().split(/\s+/)
      const name = nameOf(program, words)
      const next = words[name.split(' ').length - 1]
      // Prose in a fence, such as a title, goes on with a capital or a sign.
      const isCommand = next === undefined || next === '' || !/^[a-z]+$/.test(next) || isArgument(name)
      if (!isCommand) return [`${name} ${next}`]
      const given = words.filter(word => /^--[a-z]/.test(word)).map(word => word.replace(/[=`.,].*$/, ''))
      return given.filter(option => !known.get(name)!.has(option)).map(option => `${name} ${option}`)
    })
  }

  /** The longest command that these words begin with. */
  function nameOf(program: string, words: readonly string[]): string {
    const two = [program, ...words.slice(0, 2)].join(' ')
    const one = [program, ...words.slice(0, 1)].join(' ')
    return known.has(two) ? two : known.has(one) ? one : program
  }

  /** Whether what follows can be an argument: no command of more words begins so. */
  const isArgument = (name: string): boolean => ![...known.keys()].some(other => other.startsWith(`${name} `))

  function commandsOf(command: Command, path: readonly string[] = []): [string, Set<string>][] {
    const names = [...path, command.name()]
    const own = [...command.options.map(({ long }) => long ?? ''), '--help']
    return [[names.join(' '), new Set(own)], ...command.commands.flatMap(child => commandsOf(child, names))]
  }

  /** By its own help, as it has no other door. */
  function ceremonyCommands(): [string, Set<string>][] {
    const help = (...args: string[]) =>
      spawnSync('node_modules/.bin/mintmark-ceremony', [...args, '--help'], { cwd: root, encoding: 'utf8' }).stdout
    const optionsIn = (text: string) => new Set(text.match(/--[a-z-]+/g))
    const names = [...help().matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}/gm)].map(([, name = '']) => name)
    return [
      ['mintmark-ceremony', new Set(['--help'])],
      ['mintmark-ceremony keys', new Set(['--help'])],
      ...names.map((name): [string, Set<string>] => [`mintmark-ceremony ${name}`, optionsIn(help(...name.split(' ')))]),
    ]
  }
})

describe('ARCHITECTURE.md', () => {
  const { text } = page('ARCHITECTURE.md')
  const rooms = treePaths(fences(page('ARCHITECTURE.md')).find(({ language }) => language === 'tree')!.body)

  test.each(rooms)('%s is there', path => {
    expect(existsSync(join(root, path))).toBe(true)
  })

  test('has every package, and every room of core and of the server', () => {
    const real = globSync(['packages/*', 'packages/{core,server}/src/*/'], { cwd: root })
    expect(real.filter(path => !rooms.includes(path.replace(/\/$/, '')))).toEqual([])
  })

  test.each(tableRows(text, 'file').concat(tableRows(text.split('## One revocation')[1]!, 'file')))(
    '%s has %s',
    (file, functions = '') => {
      const source = readFileSync(join(root, file!.replaceAll('`', '')), 'utf8')
      for (const [, name] of functions.matchAll(/`(\w+)`/g)) expect(source).toMatch(new RegExp(`\\b${name}\\b`))
    },
  )

  test('names files that exist', () => {
    const files = spans({ path: '', text }).filter(span => /^(?:packages|scripts|docs)\/[\w./-]+$/.test(span))
    expect(files.filter(file => !existsSync(join(root, file)))).toEqual([])
  })

  /** Each line is a name under the lines that are indented less, and what it is. */
  function treePaths(tree: string): string[] {
    const above: string[] = []
    return tree
      .trimEnd()
      .split('\n')
      .map(line => {
        const depth = line.search(/\S/) / 2
        above.splice(depth)
        above.push(line.trim().split(' ')[0]!.replace(/\/$/, ''))
        return above.join('/')
      })
  }
})

test('every decision has a number of its own', () => {
  const numbers = globSync('docs/decisions/*.md', { cwd: root }).map(path => posix.basename(path).slice(0, 4))
  expect(numbers.toSorted()).toEqual(numbers.map((_, i) => String(i + 1).padStart(4, '0')))
  for (const { path, text } of pages.filter(each => each.path.startsWith('docs/decisions/'))) {
    expect(text).toMatch(new RegExp(`^# ${posix.basename(path).slice(0, 4)}: `))
  }
})

describe('codes', () => {
  // Other words with a hyphen that stand in backticks.
  const others = new Set([
    ...[certificateFindings, charterFindings, ledgerFindings].flatMap(findings => Object.keys(findings)),
    ...Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies),
    ...[
      'prom-client',
      'sodium-native',
      'mintmark-ceremony',
      'wrong-use',
      'tpm-attested',
      'key-succession',
      'encryption-key',
      'did-succession',
      'did-succession-accepted',
      'mintmark-proof',
      'mintmark-journal-proof',
      ...operatorRoles,
    ],
  ])

  test.each(named)('every code in %s is one', (_, where) => {
    const words = spans(where).filter(span => /^[a-z]+(?:-[a-z]+)+$/.test(span))
    expect(words.filter(word => !Object.hasOwn(codes, word) && !others.has(word))).toEqual([])
  })
})
