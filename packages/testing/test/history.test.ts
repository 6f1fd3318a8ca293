import {
  type BudgetAnswer,
  type BudgetAsked,
  budget,
  isLinearizable,
  type Operation,
  type StandingAnswer,
  type StandingAsked,
  standing,
} from '@mintmark/testing/faults'
import { describe, expect, test } from 'vitest'

// The judge of what clients saw must itself tell right from wrong.

type Row<I, O> = readonly [asked: I, begun: number, ended: number, answer?: O]

const of =
  <I, O>() =>
  (...rows: readonly Row<I, O>[]): Operation<I, O>[] =>
    rows.map(([asked, begun, ended, answer]) => ({ asked, begun, ended, answer }))

const spending = of<BudgetAsked, BudgetAnswer>()
const standings = of<StandingAsked, StandingAnswer>()

const never = Number.POSITIVE_INFINITY

describe('the budget of a token', () => {
  test('allows any order of what overlaps', () => {
    expect(isLinearizable(budget(1), spending(['claim', 0, 9, 'spent'], ['claim', 1, 8, 'granted']))).toBe(true)
    expect(isLinearizable(budget(2), spending(['claim', 0, 9, 'granted'], ['read', 1, 8, 2], ['read', 2, 7, 1]))).toBe(
      true,
    )
  })

  test('allows no claim more than there are uses, in any order', () => {
    expect(isLinearizable(budget(1), spending(['claim', 0, 9, 'granted'], ['claim', 1, 8, 'granted']))).toBe(false)
  })

  test('allows none to be spent before the claim that spends it is asked for', () => {
    expect(isLinearizable(budget(1), spending(['claim', 0, 1, 'spent'], ['claim', 2, 3, 'granted']))).toBe(false)
  })

  test('allows no use to come back', () => {
    expect(isLinearizable(budget(2), spending(['claim', 0, 1, 'granted'], ['read', 2, 3, 1], ['read', 4, 5, 2]))).toBe(
      false,
    )
  })

  test('lets a claim without an answer have taken a use, or not', () => {
    const lost = ['claim', 0, never] as const
    expect(isLinearizable(budget(1), spending(lost, ['claim', 1, 2, 'spent']))).toBe(true)
    expect(isLinearizable(budget(1), spending(lost, ['claim', 1, 2, 'granted'], ['read', 3, 4, 0]))).toBe(true)
    // But not before it was asked for.
    expect(isLinearizable(budget(1), spending(['claim', 0, 1, 'spent'], ['claim', 2, never]))).toBe(false)
  })
})

describe('the standing of a device', () => {
  test('is never good again', () => {
    expect(isLinearizable(standing, standings(['revoke', 0, 1, 'revoked'], ['use', 2, 3, 'good']))).toBe(false)
    expect(
      isLinearizable(standing, standings(['revoke', 0, never], ['use', 1, 2, 'revoked'], ['use', 3, 4, 'good'])),
    ).toBe(false)
  })

  test('may be either while it is being revoked', () => {
    expect(
      isLinearizable(standing, standings(['revoke', 0, 9, 'revoked'], ['use', 1, 2, 'good'], ['use', 3, 4, 'revoked'])),
    ).toBe(true)
    expect(isLinearizable(standing, standings(['revoke', 0, never], ['use', 1, 2, 'good']))).toBe(true)
  })

  test('is not revoked before anyone asks for it', () => {
    expect(isLinearizable(standing, standings(['use', 0, 1, 'revoked'], ['revoke', 2, 3, 'revoked']))).toBe(false)
  })
})

test('is decided for many at once', () => {
  const many = Array.from(
    { length: 60 },
    (_, i): Row<BudgetAsked, BudgetAnswer> => ['claim', i, i + 20, i % 3 === 0 && i < 30 ? 'granted' : 'spent'],
  )
  expect(isLinearizable(budget(10), spending(...many))).toBe(false)
  const ordered = Array.from(
    { length: 60 },
    (_, i): Row<BudgetAsked, BudgetAnswer> => ['claim', i, i + 20, i < 10 ? 'granted' : 'spent'],
  )
  expect(isLinearizable(budget(10), spending(...ordered))).toBe(true)
})
