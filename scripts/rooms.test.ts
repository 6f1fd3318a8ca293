import { describe, expect, test } from 'vitest'
import { checkRooms } from './rooms.ts'

const empty = 'export const x = 1\n'

/** A small checkout in which every import is right. */
const sound: Record<string, string> = {
  'package.json': '{"name":"workspace","devDependencies":{"rolldown":"1.0.0"}}',
  'packages/core/package.json':
    '{"name":"@mintmark/core","exports":{"./bytes":"./src/bytes/index.ts","./keys":"./src/keys/index.ts","./keys/sign":"./src/keys/sign.ts"}}',
  'packages/elements/package.json':
    '{"name":"@mintmark/elements","exports":{".":"./src/index.ts"},"dependencies":{"@mintmark/core":"1.0.0"}}',
  'packages/agent/package.json': '{"name":"@mintmark/agent","dependencies":{"@mintmark/core":"1.0.0"}}',
  'packages/agent/src/index.ts': "import { at } from '@mintmark/core/keys'\nexport const x = at\n",
  'packages/agent/src/node/index.ts': "import 'node:https'\nexport * from '../index.ts'\n",
  'packages/ceremony/package.json':
    '{"name":"@mintmark/ceremony","exports":{".":"./src/index.ts"},"dependencies":{"@mintmark/core":"1.0.0","@mintmark/elements":"1.0.0"}}',
  'packages/gateway/package.json': '{"name":"@mintmark/gateway","dependencies":{"@mintmark/core":"1.0.0"}}',
  'packages/server/package.json':
    '{"name":"@mintmark/server","exports":{".":"./src/index.ts"},"dependencies":{"@mintmark/core":"1.0.0","@mintmark/elements":"1.0.0","hono":"1.0.0","kysely":"1.0.0"}}',
  'packages/console/package.json':
    '{"name":"@mintmark/console","dependencies":{"@mintmark/core":"1.0.0","preact":"1.0.0"}}',
  'packages/console/src/page.tsx':
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template
    "import { h } from 'preact'\nexport const page = (a: number) => <p title=\"it's\">Don't {a < 1 ? <b>1 / 2</b> : `${a}`} import('node:fs')<br/></p>\n",
  'packages/testing/package.json':
    '{"name":"@mintmark/testing","exports":{".":"./src/index.ts"},"dependencies":{"@mintmark/server":"1.0.0"}}',
  'packages/core/src/bytes/index.ts':
    "import { y } from './y.ts'\nexport const at = new Date(y).getTime() + Date.UTC(2026, 0)\n",
  'packages/core/src/bytes/y.ts': 'export const y = 1 // Date.now() in a comment\n',
  'packages/core/src/keys/index.ts': "export { at } from '../bytes/index.ts'\n",
  'packages/core/src/keys/sign.ts': "import { at } from './index.ts'\nexport const text = `fetch()` + at\n",
  'packages/core/src/signed/index.ts': "import { text } from '../keys/sign.ts'\nexport const z = text\n",
  'packages/elements/src/index.ts':
    "import { readFileSync } from 'node:fs'\nimport { text } from '@mintmark/core/keys/sign'\nexport const read = () => readFileSync(text)\n",
  'packages/ceremony/src/index.ts':
    "import { read } from '@mintmark/elements'\nimport * as x from 'node:readline'\nexport { read, x }\n",
  'packages/gateway/src/index.ts': "import { at } from '@mintmark/core/keys'\nexport const x = at\n",
  'packages/server/src/index.ts':
    "import { Hono } from 'hono'\nimport '@mintmark/core/keys/sign'\nexport const x = Hono\n",
  'packages/server/src/store/index.ts':
    "import { DatabaseSync } from 'node:sqlite'\nimport { k } from 'kysely'\nexport { DatabaseSync, k }\n",
  'packages/testing/src/index.ts':
    "import { rolldown } from 'rolldown'\nexport * from '@mintmark/server'\nexport { rolldown }\n",
}

/** The problems once these files are added or replaced. */
const problems = (changed: Record<string, string>): string[] =>
  checkRooms(new Map(Object.entries({ ...sound, ...changed })))

test('takes a checkout in which every import is right', () => {
  expect(problems({})).toEqual([])
})

describe('refuses', () => {
  const core = 'packages/core/src'
  const cases: readonly (readonly [name: string, path: string, source: string, why: string])[] = [
    [
      'core that looks upwards',
      `${core}/bytes/y.ts`,
      "import '../keys/index.ts'",
      'core/bytes may not look into core/keys',
    ],
    [
      'a type import upwards',
      `${core}/bytes/y.ts`,
      "import type { K } from '../keys/index.ts'",
      'core/bytes may not look into',
    ],
    ['a re-export upwards', `${core}/bytes/y.ts`, "export * from '../keys/index.ts'", 'core/bytes may not look into'],
    [
      'a type out of an import expression',
      `${core}/bytes/y.ts`,
      "let k: import('../keys/index.ts').K",
      'may not look into',
    ],
    [
      'a dynamic import upwards',
      `${core}/bytes/y.ts`,
      "await import('../keys/index.ts')",
      'may not look into core/keys',
    ],
    [
      'what only Node has in the SDK of every runtime',
      'packages/agent/src/index.ts',
      "export * from './node/index.ts'",
      'agent may not look into agent/node',
    ],
    ['an import by a computed name', `${core}/bytes/y.ts`, 'await import(name)', 'by a computed name'],
    ['an import out of a template', `${core}/bytes/y.ts`, 'await import(`node:fs`)', 'by a computed name'],
    ['require', 'packages/server/src/x.ts', "require('ws')", 'by a computed name'],
    ['a room that the table does not know', `${core}/magic/x.ts`, empty, 'core/magic is in no room'],
    ['a package that the table does not know', 'packages/magic/src/x.ts', empty, 'magic is in no room'],
    [
      'signing in the room of keys',
      `${core}/keys/index.ts`,
      "export * from './sign.ts'",
      'may not look into core/keys/sign',
    ],
    [
      'signing in the gateway',
      'packages/gateway/src/index.ts',
      "import '@mintmark/core/keys/sign'",
      'gateway may not look into core/keys/sign',
    ],
    [
      'an import behind words for people',
      'packages/console/src/x.tsx',
      "const a = <><p>Don't</p>{b}</>\nawait import('node:fs')",
      'console may not import node:fs',
    ],
    [
      'an import between words for people',
      'packages/console/src/x.tsx',
      "const a = <p title='/'>it's {import('@mintmark/core/keys/sign')} /</p>",
      'console may not look into core/keys/sign',
    ],
    [
      'the server in the browser',
      'packages/console/src/x.tsx',
      "import '@mintmark/server'",
      'console may not look into server',
    ],
    ['node in core', `${core}/bytes/y.ts`, "import 'node:crypto'", 'core/bytes may not import node:crypto'],
    ['npm in core', `${core}/bytes/y.ts`, "import 'hono'", 'core/bytes may not import the package hono'],
    ['a bare builtin', 'packages/elements/src/x.ts', "import 'fs'", 'elements may not import the package fs'],
    ['the network in elements', 'packages/elements/src/x.ts', "import 'node:net'", 'elements may not import node:net'],
    [
      'the network in the ceremony',
      'packages/ceremony/src/x.ts',
      "import 'node:tls'",
      'ceremony may not import node:tls',
    ],
    ['fetch in the ceremony', 'packages/ceremony/src/x.ts', "fetch('x')", 'in the closure of ceremony and uses fetch'],
    [
      'fetch in what the ceremony imports',
      'packages/elements/src/index.ts',
      'export const read = fetch',
      'in the closure of ceremony and uses fetch',
    ],
    [
      'the network behind the ceremony',
      `${core}/bytes/y.ts`,
      "import 'node:http'",
      'in the closure of ceremony and imports node:http',
    ],
    [
      'npm behind the ceremony',
      'packages/elements/src/index.ts',
      "import 'koffi'\nexport const read = 1",
      'in the closure of ceremony and imports the package koffi',
    ],
    [
      'a server that looks into the ceremony',
      'packages/server/src/x.ts',
      "import '@mintmark/ceremony'",
      'server may not look into ceremony',
    ],
    [
      'anyone who looks into testing',
      'packages/server/src/x.ts',
      "import '@mintmark/testing'",
      'server may not look into testing',
    ],
    ['sqlite outside the store', 'packages/server/src/x.ts', "import 'node:sqlite'", 'only packages/server/src/store'],
    [
      'kysely outside the store',
      'packages/server/src/x.ts',
      "import 'kysely/migration'",
      'only packages/server/src/store',
    ],
    ['the database in testing', 'packages/testing/src/x.ts', "import 'node:sqlite'", 'only packages/server/src/store'],
    ['npm that is not declared', 'packages/server/src/x.ts', "import 'left-pad'", 'not in its package.json'],
    [
      'one of ours that is not declared',
      'packages/gateway/src/x.ts',
      "import '@mintmark/elements'",
      'gateway may not look into elements',
    ],
    ['a development tool outside testing', 'packages/server/src/x.ts', "import 'rolldown'", 'not in its package.json'],
    [
      'another package by path',
      'packages/server/src/x.ts',
      "import '../../core/src/bytes/index.ts'",
      'reaches out of its package',
    ],
    ['a door that is not exported', 'packages/server/src/x.ts', "import '@mintmark/core/secret'", 'has no export'],
    [
      'a file that is not there',
      'packages/server/src/x.ts',
      "import './gone.ts'",
      'there is no packages/server/src/gone.ts',
    ],
  ]
  test.each(cases)('%s', (_, path, source, why) => {
    const found = problems({ [path]: source })
    expect(found.filter(problem => problem.startsWith(`${path}: `) && problem.includes(why))).toHaveLength(1)
  })
})
