import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { makeProgram } from '../src/program.ts'
import { ran } from './operated.ts'

const all = (command: Command, path: readonly string[] = []): { path: readonly string[]; command: Command }[] => [
  { path, command },
  ...command.commands.flatMap(child => all(child, [...path, child.name()])),
]
const commands = all(makeProgram())

const named = commands.map(({ path, command }) => [['mintmark', ...path].join(' '), path, command] as const)

test.each(named)('%s has help with an example of itself', async (name, path) => {
  const { code, out, err } = await ran(...path, '--help')
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toContain('\nExample:\n')
  expect(out).toContain(`$ ${name} `.trimEnd())
  expect(out).not.toMatch(/undefined|\[object|help \[command\]/)
})

test.each(named.filter(([, , { commands }]) => commands.length === 0))('%s has --json', (_name, _path, { options }) => {
  expect(options.map(({ long }) => long)).toContain('--json')
})

test.each(named)('%s says which options are required', async (_name, path, { options }) => {
  const { out } = await ran(...path, '--help')
  const required = options.filter(({ mandatory }) => mandatory)
  expect(out.match(/\(required\)/g) ?? []).toHaveLength(required.length)
})

test('no option could be taken for an id', () => {
  const longs = commands.flatMap(({ command }) => command.options.map(({ long }) => long ?? ''))
  expect(longs.filter(long => long.length === 22)).toEqual([])
})

test.each([[], ['fleet'], ['token']])('without a command, %j is wrong use and shows the help', async (...path) => {
  const { code, out, err } = await ran(...path)
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain('Usage: mintmark')
  expect(err).toContain('mintmark: wrong-use: a command is missing\n')
})

test('prints the version', async () => {
  expect(await ran('--version')).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' })
})
