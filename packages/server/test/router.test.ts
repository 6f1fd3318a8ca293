import { expect, test } from 'vitest'
import { operations } from '../src/inbound/operations.ts'
import { makeRouter } from '../src/inbound/router.ts'

test('I110 an operation without a row of the access table does not start, nor a row without its operation', () => {
  const me = operations['GET /v1/me']
  const { 'GET /v1/me': _, ...fewer } = operations
  expect(makeRouter(operations, 'machine')('GET', '/v1/me').operation).toBe(me)
  for (const wrong of [{ ...operations, 'GET /v1/everything': me }, fewer]) {
    expect(() => makeRouter(wrong, 'machine')).toThrow('the access table and the operations differ')
  }
})
