import { InvalidArgumentError } from 'commander'
import { describe, expect, test } from 'vitest'
import { readCount, readDeviceName, readDuration, readTokenLife } from '../src/options.ts'
import { printable } from '../src/print.ts'

const refusal = (code: string) => expect.objectContaining({ code })

describe('a time to live', () => {
  test.each([
    ['90s', 90_000],
    ['15m', 900_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['90d', 7_776_000_000],
  ])('%s is %i ms', (text, ms) => {
    expect(readDuration(text)).toBe(ms)
  })

  test.each(['3600', '0', '-1'])('%s has no unit, and is refused with a hint', text => {
    expect(() => readDuration(text)).toThrow(refusal('bad-number'))
    expect(() => readDuration(text)).toThrow(expect.objectContaining({ hint: expect.stringContaining(`${text}s`) }))
  })

  test.each(['0s', '91d', '99999999999999999999d'])('%s is out of range for a token', text => {
    expect(() => readTokenLife(text)).toThrow(refusal('bad-number'))
  })

  test.each(['', 'h', '1 h', '1.5h', '1h30m', '1H', '1w', '+1h', '-1h', '1e3s', '0x1s', '１h', ' 1h', '1h\n'])(
    '%j is no time',
    text => {
      expect(() => readDuration(text)).toThrow(InvalidArgumentError)
    },
  )
})

describe('a count', () => {
  test('is a whole number from 1 to a million', () => {
    expect(['1', '2', '1000000'].map(readCount)).toEqual([1, 2, 1_000_000])
  })

  test.each(['0', '-1', '1000001', '99999999999999999999'])('%s is out of range', text => {
    expect(() => readCount(text)).toThrow(refusal('bad-number'))
  })

  test.each(['', 'two', '1.0', '1e3', '0x10', ' 1', '1_000'])('%j is no number', text => {
    expect(() => readCount(text)).toThrow(InvalidArgumentError)
  })
})

describe('a device', () => {
  test('is a fleet and a name', () => {
    expect(readDeviceName('acme/device-104')).toEqual({ fleet: 'acme', name: 'device-104' })
  })

  test.each(['', 'acme', 'acme/', '/device-104', 'acme/device/device-104'])('%j is wrong use', text => {
    expect(() => readDeviceName(text)).toThrow(InvalidArgumentError)
  })

  test.each([
    ['Acme/d', 'bad-fleet'],
    ['platform/d', 'bad-fleet'],
    ['../d', 'bad-fleet'],
    ['acme/..', 'bad-name'],
    ['acme/D', 'bad-name'],
    ['acme/d?x', 'bad-name'],
  ])('%s is refused', (text, code) => {
    expect(() => readDeviceName(text)).toThrow(refusal(code))
  })
})

test('text from elsewhere cannot move the cursor', () => {
  expect(printable('a\u001b[2Jb\r\n\u0085\u2028\u202ec')).toBe('a\ufffd[2Jb\ufffd\ufffd\ufffd\ufffd\ufffdc')
})
