import type { PeerProof } from '@mintmark/core/proof'
import { randomBytes } from '@mintmark/elements'
import { expect, test } from 'vitest'
import { Sessions, sessionBounds } from '../src/operations/sessions.ts'

/** Of a proof only the name is of interest here. */
const proofOf = (path: string): PeerProof => ({ identity: { path } }) as unknown as PeerProof

function scene() {
  let at = 1_700_000_000_000
  const sessions = new Sessions({ now: () => at, random: randomBytes })
  return {
    sessions,
    pass(milliseconds: number) {
      at += milliseconds
    },
    signIn: (who: string) => sessions.open(sessions.makeLink(proofOf(who)).link).secret,
  }
}

const codeOf = (run: () => unknown): unknown => {
  try {
    run()
    return 'taken'
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('J119 links have a cap of their own for each operator and one for all: a flood pushes out itself', () => {
  const { sessions } = scene()
  const ann = sessions.makeLink(proofOf('ann')).link
  for (let i = 0; i < 1_000; i++) sessions.makeLink(proofOf('mallory'))
  expect(sessions.sizes.links).toBe(1 + sessionBounds.linksEach)
  expect(codeOf(() => sessions.readLink(ann))).toBe('taken')
  for (let i = 0; i < 3_000; i++) sessions.makeLink(proofOf(`operator-${i}`))
  expect(sessions.sizes.links).toBe(sessionBounds.all)
  expect(codeOf(() => sessions.readLink(ann))).toBe('link-spent')
})

test('J119 sessions have a cap of their own for each operator and one for all: the idle go first', () => {
  const { sessions, signIn } = scene()
  const ann = signIn('ann')
  for (let i = 0; i < 100; i++) signIn('mallory')
  expect(sessions.sizes.sessions).toBe(1 + sessionBounds.sessionsEach)
  const secrets = Array.from({ length: sessionBounds.all }, (_, i) => {
    sessions.use(ann)
    return signIn(`operator-${i}`)
  })
  expect(sessions.sizes.sessions).toBe(sessionBounds.all)
  expect(codeOf(() => sessions.use(ann))).toBe('taken')
  expect(codeOf(() => sessions.use(secrets[0]!))).toBe('session-ended')
  expect(codeOf(() => sessions.use(secrets.at(-1)!))).toBe('taken')
})

test('J119 what is over is not kept', () => {
  const { sessions, signIn, pass } = scene()
  for (let i = 0; i < 50; i++) {
    sessions.makeLink(proofOf(`operator-${i}`))
    signIn(`operator-${i}`)
  }
  expect(sessions.sizes).toEqual({ links: 50, sessions: 50 })
  pass(sessionBounds.idle)
  sessions.makeLink(proofOf('ann'))
  signIn('ann')
  expect(sessions.sizes).toEqual({ links: 1, sessions: 1 })
})

test('K121 a clock that is set back ends links and sessions that begin later, and prolongs none', () => {
  const { sessions, signIn, pass } = scene()
  const [link, secret] = [sessions.makeLink(proofOf('ann')).link, signIn('bob')]
  pass(-1_000)
  expect([codeOf(() => sessions.readLink(link)), codeOf(() => sessions.use(secret))]).toEqual([
    'link-spent',
    'session-ended',
  ])
  const other = signIn('bob')
  pass(sessionBounds.idle - 1)
  sessions.use(other)
  pass(-10_000)
  sessions.use(other)
  pass(10_000 + sessionBounds.idle)
  expect(codeOf(() => sessions.use(other))).toBe('session-ended')
})

test('an operator is signed out of all sessions at once, and nobody else is', () => {
  const { sessions, signIn } = scene()
  const [one, two, bob] = [signIn('ann'), signIn('ann'), signIn('bob')]
  const link = sessions.makeLink(proofOf('ann')).link
  sessions.endAll('ann')
  for (const secret of [one, two]) expect(codeOf(() => sessions.use(secret))).toBe('session-ended')
  expect(codeOf(() => sessions.open(link))).toBe('link-spent')
  expect(codeOf(() => sessions.use(bob))).toBe('taken')
  expect(sessions.identities()).toEqual(['bob'])
})
