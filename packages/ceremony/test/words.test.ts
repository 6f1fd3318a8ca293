import { sha256, utf8 } from '@mintmark/core/bytes'
import { digestWords } from '@mintmark/core/ceremony'
import { expect, test } from 'vitest'

test('each byte of a digest has a word of its own, of 256: the even words of the PGP word list', () => {
  const words = new Map<number, string>()
  for (let i = 0; i < 400; i++) {
    const bytes = utf8(`file ${i}`)
    const spoken = digestWords(bytes).split(' ')
    expect(spoken).toHaveLength(16)
    for (const [at, byte] of sha256(bytes).subarray(0, 16).entries()) {
      expect(words.get(byte) ?? spoken[at]).toBe(spoken[at])
      words.set(byte, spoken[at]!)
    }
  }
  expect(words.size).toBe(256)
  expect(new Set(words.values()).size).toBe(256)
  for (const word of words.values()) expect(word).toMatch(/^[a-z]{3,9}$/)
  // The even words of the example by which the list is known: E582 94F2 E9A2 2748 6E8B 061B 31CC 528F D7FA 3F19.
  const example = [0xe5, 0x94, 0xe9, 0x27, 0x6e, 0x06, 0x31, 0x52, 0xd7, 0x3f].map(byte => words.get(byte))
  expect(example.join(' ')).toBe('topmost pluto treadmill brackish goldfish afflict chatter dupont stopwatch cowbell')
})

test('a file keeps its words for ever', () => {
  const words =
    'tissue ruffled snowslide crowfoot printer wayside befriend baboon pupil watchword upshot spaniel prowler'
  expect(digestWords(utf8(''))).toBe(`${words} gremlin sentence bluebird`)
})
