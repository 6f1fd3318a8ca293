import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const main = join(import.meta.dirname, '../bench/main.ts')

const bench = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })

describe('a benchmark that cannot be run as it was asked for says what to do, and exits with 2', () => {
  const place = ['--step-ca-root', main, '--provisioner', 'bench', '--provisioner-key', main]
  test.each([
    ['a name that is none', ['registri'], /no benchmark is called registri\n {2}npm run bench -- --help\n$/],
    ['an option that is none', ['enroll', '--rubbish'], /'--rubbish'.*\n {2}npm run bench -- --help\n$/],
    ['a number that is none', ['registry', '--devices', '1e6'], /--devices is a whole number/],
    ['more revocations than connections', ['revoke', '--connections', '10'], /more revocations than connections/],
    [
      'a step-ca without its key',
      ['enroll', '--step-ca', 'https://localhost:1'],
      /go together\n {2}see bench\/README\.md/,
    ],
    ['a key that is none', ['enroll', '--step-ca', 'https://localhost:1', ...place], /is not a private P-256 key/],
  ])('%s', (_, args, said) => {
    const { status, stdout, stderr } = bench(...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(said)
  })
})

test('help names every option', () => {
  const { status, stdout } = bench('--help')
  expect(status).toBe(0)
  for (const option of [
    '--rounds',
    '--postgres',
    '--step-ca',
    '--devices',
    '--data',
    '--connections',
    '--revocations',
    '--soak',
  ]) {
    expect(stdout).toContain(option)
  }
})

test('messages are received for as long as one likes, and the memory is printed', () => {
  const { status, stdout, stderr } = bench('messages', '--soak', '200')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.match(/resident \d+ MB/g)).toHaveLength(10)
})

test('revocations are timed beside the floor, with each device on a connection of its own', () => {
  const { status, stdout, stderr } = bench('revoke', '--connections', '10', '--revocations', '2', '--rounds', '1')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(
    /^revocation, 10 connections, 2 after each other in each of 1 rounds\n {2}bare node:https .*\n/,
  )
  expect(stdout).toMatch(/one process, SQLite +closed p50 .* answered p50 /)
})
