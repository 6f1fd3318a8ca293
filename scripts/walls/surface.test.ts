import { describe, expect, test } from 'vitest'
import { unsafeNames } from './surface.ts'
import { tokenize } from './tokens.ts'

describe('refuses a name that switches a check off:', () => {
  const named = [
    "program.option('--allow-old', 'text')",
    "program.option('-k, --insecure')",
    "command.requiredOption('--no-verify <x>')",
    "new Option('--skip-check')",
    'process.env.MINTMARK_SKIP_TLS',
    "process.env['DISABLE_X']",
    'const { MINTMARK_ALLOW_OLD } = env',
    "setting('MINTMARK_DISABLE_X')",
    'interface Options { readonly bypassCheck?: boolean }',
    'type Options = Base & { allow: boolean }',
    'function f(options: { noVerify?: boolean } = {}) {}',
    'function f({ a }: { a: string; skipCheck: boolean }) {}',
    'z.object({ allow_old: z.boolean() })',
    'interface A { b: { c: (d: { skip: true }) => void } }',
    'interface A { allow(x: string): void }',
    "type A = Record<string, { 'skip-check': boolean }>",
  ]
  test.each(named)('%s', source => {
    expect(unsafeNames(tokenize(source))).toEqual([expect.stringContaining('would switch a check off')])
  })

  const harmless = [
    'interface Options { readonly allowed: string; disallow?: boolean; skipped: number }',
    'interface RedisOptions { readonly disableOfflineQueue?: boolean }',
    "connect({ allowHalfOpen: true, nested: { skip: 1 } }) // a peer's own option",
    "const text = 'use --allow-nothing' // skip",
    'const skip = (bytes: Uint8Array) => bytes.subarray(1)\nconst later = skip(x) ? { allow: 1 } : { skip: 2 }',
    "program.option('--allowed <list>')",
    'process.env.MINTMARK_DATA',
    'interface A { b: string }\nf({ skip: 1 })',
    'type A = string\nexport const x = { allow: 1 }',
  ]
  test.each(harmless)('but not %s', source => {
    expect(unsafeNames(tokenize(source))).toEqual([])
  })
})
