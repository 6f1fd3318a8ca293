import { expect, test } from 'vitest'
import { readSinkUrl } from '../src/relay/sink-url.ts'

test.each([
  ['https://example.com/messages', 'webhook', false],
  ['http://127.0.0.1:8080/messages', 'webhook', false],
  ['http://127.1/messages', 'webhook', false],
  ['http://[::1]/messages', 'webhook', false],
  ['http://localhost/messages', 'webhook', false],
  ['mqtt://127.0.0.1:1883', 'mqtt', false],
  ['mqtt://broker.example.com', 'mqtt', true],
  ['mqtts://broker.example.com', 'mqtt', false],
  ['nats://127.example.com', 'nats', true],
  ['tls://nats.example.com:4222', 'nats', false],
])('%s is a %s, in clear: %s', (text, kind, isInClear) => {
  expect(readSinkUrl(text)).toMatchObject({ kind, isInClear })
})

test.each([
  'http://u:100%25%zz@127.0.0.1/',
  'mqtt://%@localhost/',
  'http://example.com/messages',
  'http://127.example.com/messages',
  'http://127.0.0.1.example.com/messages',
  'http://localhost.example.com/messages',
  'http://[::2]/messages',
  'ftp://example.com',
  'mqtt://broker.example.com/topic',
  'nats://127.0.0.1?x=1',
  'https://example.com/#fragment',
  'mqtt://',
  'example.com',
  '',
])('%s is refused', text => {
  expect(() => readSinkUrl(text)).toThrow(expect.objectContaining({ code: 'bad-request' }))
})
