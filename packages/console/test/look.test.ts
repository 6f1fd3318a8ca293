import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from 'uqr'
import { expect, test } from 'vitest'
import { pathOf } from '../src/parts/qr-path.ts'

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')

/** Names and values of the first block of each theme. */
function tokensOf(css: string): Record<string, string>[] {
  const dark = css.indexOf('prefers-color-scheme: dark')
  return [css.slice(0, dark), css.slice(dark)].map(part => {
    const block = /:root \{([^}]*)\}/.exec(part)![1]!
    return Object.fromEntries([...block.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [name!, value!]))
  })
}

test('the console and the Trust Center have the same colours and faces', () => {
  const trustCenter = tokensOf(read('server/src/inbound/trust-center/trust.css'))
  expect(tokensOf(read('console/src/style/tokens.css'))).toEqual(trustCenter)
  expect(Object.keys(trustCenter[0]!).length).toBeGreaterThan(15)
})

test('a QR code is drawn module by module as it is encoded', () => {
  const text = `mmt1_${'Ab-_9'.repeat(28)}`
  const { data, size } = encode(text, { ecc: 'M', border: 3 })
  const drawn = Array.from({ length: size }, () => Array<boolean>(size).fill(false))
  for (const [, x, y, width] of pathOf(data).matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
    drawn[Number(y)]!.fill(true, Number(x), Number(x) + Number(width))
  }
  expect(drawn).toEqual(data)
})
