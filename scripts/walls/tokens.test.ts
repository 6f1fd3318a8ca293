import { expect, test } from 'vitest'
import { tokenize } from './tokens.ts'

const words = (source: string): string[] =>
  tokenize(source, { jsx: true })
    .filter(({ kind }) => kind !== 'sign')
    .map(({ text }) => text)

test.each<[what: string, source: string, seen: string[]]>([
  ['what stands between tags', "<p>it's // not `code`</p>; after", ['p', 'p', 'after']],
  ['an attribute', '<a href="//x\'" b:c-d={e}/>; after', ['a', 'href', "//x'", 'b:c-d', 'e', 'after']],
  ['a fragment', '<>a {b} c</>; after', ['b', 'after']],
  [
    'elements in elements',
    '<a><b/>x<C.d>y{<e>{f}z</e>}</C.d></a>; after',
    ['a', 'b', 'C.d', 'e', 'f', 'e', 'C.d', 'a', 'after'],
  ],
  ['a comparison', 'if (a < b && c > d) e', ['if', 'a', 'b', 'c', 'd', 'e']],
  ['types between angles', "const a: B<C> = d<E>('f')", ['const', 'a', 'B', 'C', 'd', 'E', 'f']],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template
  ['a template in an element', "<p>{`x${a}y`}it's</p>; after", ['p', '`x${', 'a', '}y`', 'p', 'after']],
  ['a comment in a tag', "<a /* it's */ b/>; after", ['a', 'b', 'after']],
])('words for people are no code: %s', (_, source, seen) => {
  expect(words(source)).toEqual(seen)
})
