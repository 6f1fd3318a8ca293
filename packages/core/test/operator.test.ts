import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Refused } from '../src/errors/index.ts'
import {
  type Act,
  checkGiven,
  decideAct,
  decideGrants,
  type Grants,
  mayAct,
  operatorRoles,
  readGrants,
  visibleGrants,
  writeGrants,
} from '../src/rules/index.ts'

const fleets = ['acme', 'beta', 'gamma']
const acts: readonly Act[] = ['view', 'operate', 'govern', 'audit']
const scopes = [...fleets, undefined]

const grants: fc.Arbitrary<Grants> = fc
  .uniqueArray(
    fc.tuple(
      fc.constantFrom(...operatorRoles),
      fc.oneof(fc.constant('*' as const), fc.subarray(fleets, { minLength: 1 })),
    ),
    {
      selector: ([role]) => role,
    },
  )
  .map(pairs => new Map(pairs))

/** All that someone may do, as a list. */
const powers = (of: Grants): string[] =>
  acts.flatMap(act => scopes.filter(fleet => mayAct(of, act, fleet)).map(fleet => `${act} ${fleet ?? '*'}`))

const outcome = <T>(run: () => T): T | string => {
  try {
    return run()
  } catch (error) {
    if (error instanceof Refused) return error.code
    throw error
  }
}

test('grants are read from exactly one text, and mean the same after', () => {
  fc.assert(
    fc.property(grants, held => {
      const text = writeGrants(held)
      expect(writeGrants(readGrants(text))).toBe(text)
      expect(powers(readGrants(text))).toEqual(powers(held))
    }),
  )
})

test('text that is taken for grants is what they are written as', () => {
  const pieces = fc.constantFrom(
    'admin',
    'auditor',
    'factory',
    ':',
    ',',
    '*',
    ' ',
    'acme',
    'beta',
    '',
    '\n',
    '__proto__',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), parts => {
      const text = parts.join('')
      const read = outcome(() => writeGrants(readGrants(text)))
      expect([text, 'bad-grants']).toContain(read)
    }),
    { numRuns: 2_000 },
  )
})

test('a fleet that may not be seen is never told from one that is not there', () => {
  fc.assert(
    fc.property(grants, fc.constantFrom(...acts), fc.constantFrom(...fleets), (held, act, fleet) => {
      const told = outcome(() => decideAct(held, act, fleet))
      if (mayAct(held, 'view', fleet)) expect(told).not.toBe('fleet-unknown')
      else expect(told).toBe('fleet-unknown')
    }),
  )
})

test('nobody gains by a gift what its giver did not govern, and nobody loses it', () => {
  fc.assert(
    fc.property(grants, grants, grants, (giver, held, wanted) => {
      const next = outcome(() => decideGrants(giver, held, wanted))
      if (typeof next === 'string') return
      const [before, after] = [powers(held), powers(next)]
      const changed = [
        ...before.filter(power => !after.includes(power)),
        ...after.filter(power => !before.includes(power)),
      ]
      for (const power of changed) {
        const scope = power.split(' ')[1]!
        expect(mayAct(giver, 'govern', scope === '*' ? undefined : scope)).toBe(true)
      }
      // And of what he governs, exactly what he said.
      for (const fleet of fleets.filter(name => mayAct(giver, 'govern', name))) {
        const others = acts.filter(act => mayAct(new Map([...held].filter(([, of]) => of === '*')), act, fleet))
        const said = acts.filter(act => mayAct(wanted, act, fleet))
        const all = mayAct(giver, 'govern', undefined)
          ? said
          : acts.filter(act => said.includes(act) || others.includes(act))
        expect(acts.filter(act => mayAct(next, act, fleet))).toEqual(all)
      }
      expect(outcome(() => checkGiven(giver, held, next))).toBeUndefined()
    }),
    { numRuns: 2_000 },
  )
})

test('what the store checks again is never wider than what was decided', () => {
  fc.assert(
    fc.property(grants, grants, grants, (giver, held, next) => {
      if (typeof outcome(() => checkGiven(giver, held, next)) === 'string') return
      const governs = (scope: string | undefined) => mayAct(giver, 'govern', scope)
      for (const act of acts) {
        for (const scope of scopes) {
          if (mayAct(held, act, scope) !== mayAct(next, act, scope)) expect(governs(scope)).toBe(true)
        }
      }
    }),
    { numRuns: 2_000 },
  )
})

test('what is shown of grants names no fleet that the viewer may not see', () => {
  fc.assert(
    fc.property(grants, grants, (viewer, held) => {
      const seen = writeGrants(visibleGrants(viewer, held))
      for (const fleet of fleets) if (seen.includes(fleet)) expect(mayAct(viewer, 'view', fleet)).toBe(true)
    }),
  )
})
