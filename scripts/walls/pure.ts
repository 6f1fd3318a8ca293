// What core may not do even without an import: see a clock, chance, or the world outside.
import type { Token } from './tokens.ts'

const world =
  /^(fetch|process|console|performance|setTimeout|setInterval|setImmediate|queueMicrotask|globalThis|self|window|navigator|Temporal|WebSocket|XMLHttpRequest|EventSource|Buffer|Deno|Bun|eval|Function)$/
const wires = /^(fetch|WebSocket|XMLHttpRequest|EventSource|globalThis)$/

/** Why these tokens are not pure; empty for what core may hold. */
export function impurities(tokens: readonly Token[]): string[] {
  const found = globals(tokens, world)
  for (const [at, token] of tokens.entries()) {
    if (!isGlobal(tokens, at)) continue
    const [dot, name] = [tokens[at + 1]?.text, tokens[at + 2]?.text]
    if (token.text === 'Date' && !isPureDate(tokens, at)) found.push('asks what time it is (Date)')
    if (token.text === 'Math' && (dot !== '.' || name === 'random')) found.push('asks for chance (Math.random)')
    if (token.text === 'crypto' && (dot !== '.' || name !== 'subtle')) found.push('uses crypto beyond crypto.subtle')
  }
  return found
}

/** Why these tokens could reach a network without importing anything. */
export const networkGlobals = (tokens: readonly Token[]): string[] => globals(tokens, wires)

const globals = (tokens: readonly Token[], names: RegExp): string[] =>
  tokens.flatMap(({ text }, at) => (names.test(text) && isGlobal(tokens, at) ? [`uses ${text}`] : []))

/** A word that is neither `x.word` nor declared by the ambient file. */
const isGlobal = (tokens: readonly Token[], at: number): boolean =>
  tokens[at]!.kind === 'word' && !/^(\.|\?\.|declare|const)$/.test(tokens[at - 1]?.text ?? '')

/** `Date.UTC`, `Date.parse` and `new Date(...)` of something given only calculate. */
function isPureDate(tokens: readonly Token[], at: number): boolean {
  const [before, next, after] = [tokens[at - 1]?.text, tokens[at + 1]?.text, tokens[at + 2]?.text]
  if (next === '.') return before !== 'new' && (after === 'UTC' || after === 'parse')
  return before === 'new' && next === '(' && after !== ')'
}
