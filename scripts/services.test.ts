import { afterEach, expect, test, vi } from 'vitest'
import { find, need } from './services.ts'

afterEach(() => vi.unstubAllEnvs())

test('a command that is there is needed without more ado', () => {
  expect(find('sh')).toMatch(/\/sh$/)
  vi.stubEnv('PATH', '/nonexistent')
  expect(find('sh')).toBeUndefined()
})

test('a command that is missing names the package it comes in', () => {
  vi.stubEnv('PATH', '/nonexistent')
  vi.stubEnv('CI', 'false')
  expect(need('gnutls-cli')).toMatch(/^gnutls-cli is missing: apt-get install .* gnutls-bin$/)
})

test('a command that is missing under CI is a failure', () => {
  vi.stubEnv('PATH', '/nonexistent')
  vi.stubEnv('CI', 'true')
  expect(() => need('cfssl')).toThrow('golang-cfssl')
})
