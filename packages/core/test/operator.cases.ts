import {
  type Act,
  checkGiven,
  decideAct,
  decideGrants,
  mayAct,
  mayDoEverything,
  operatorRoles,
  readGrants,
  visibleGrants,
  writeGrants,
} from '../src/rules/index.ts'
import { refuses, same, suite } from './portable.ts'

export const operator = suite('operator')

const given = (giver: string, held: string, wanted: string): string =>
  writeGrants(decideGrants(readGrants(giver), readGrants(held), readGrants(wanted)))

operator.test('reads grants that are canonical', () => {
  for (const text of [
    '',
    'admin:*',
    'auditor:acme',
    'auditor:acme fleet-operator:acme,beta',
    'admin:a auditor:* factory:b,c fleet-operator:d releaser:e',
    `auditor:${'a'.repeat(63)}`,
  ]) {
    same(writeGrants(readGrants(text)), text)
  }
})

operator.test('refuses any other text as grants', async () => {
  for (const text of [
    ...[' ', 'admin', 'admin:', ':', ':*', 'admin:*:', 'admin:*:acme', 'admin:*,acme', 'admin:acme,*', 'admin:**'],
    ...['Admin:*', 'root:*', 'operator:acme', '__proto__:*', 'constructor:*', 'toString:acme', 'hasOwnProperty:*'],
    ...['auditor:Acme', 'auditor:platform', 'auditor:xn--a', 'auditor:acme/beta', 'auditor:../acme', 'auditor:-a'],
    ...['auditor:beta,acme', 'auditor:acme,acme', 'auditor:acme,', 'auditor:,acme', 'auditor:acme, beta'],
    ...['fleet-operator:acme auditor:acme', 'auditor:acme auditor:beta', 'auditor:acme auditor:acme'],
    ...[
      ' auditor:acme',
      'auditor:acme ',
      'auditor:acme  factory:acme',
      'auditor:acme\nadmin:*',
      'auditor:acme\tadmin:*',
    ],
    ...['auditor:a\0', 'auditor:acme\u200b', 'auditor:ａcme', `auditor:${'a'.repeat(64)}`],
    `auditor:${Array.from({ length: 300 }, (_, i) => `f${String(i).padStart(3, '0')}`).join()}`,
  ]) {
    await refuses('bad-grants', () => readGrants(text))
  }
})

operator.test('each role does what it is for, and no more', () => {
  const acts: readonly Act[] = ['view', 'operate', 'govern', 'audit']
  const may = operatorRoles.map(role => {
    const grants = readGrants(`${role}:acme`)
    return [role, acts.filter(act => mayAct(grants, act, 'acme'))]
  })
  same(may, [
    ['admin', ['view', 'operate', 'govern', 'audit']],
    ['auditor', ['view', 'audit']],
    ['factory', ['view']],
    ['fleet-operator', ['view', 'operate', 'audit']],
    ['releaser', ['view']],
  ])
  for (const role of operatorRoles) {
    for (const act of acts) {
      const [one, all] = [readGrants(`${role}:acme`), readGrants(`${role}:*`)]
      same([mayAct(one, act, 'beta'), mayAct(one, act, undefined)], [false, false])
      same(
        [mayAct(all, act, 'beta'), mayAct(all, act, undefined)].join(),
        Array(2)
          .fill(mayAct(one, act, 'acme'))
          .join(),
      )
      same(mayAct(readGrants(''), act, 'acme'), false)
    }
  }
})

operator.test('tells of a fleet that may not be seen what is told of one that is not there', async () => {
  const grants = readGrants('auditor:acme')
  decideAct(grants, 'audit', 'acme')
  await refuses('forbidden', () => decideAct(grants, 'operate', 'acme'))
  for (const fleet of ['beta', 'nothing', 'ac', 'acmeX', 'ACME', '', '*', '__proto__', 'platform']) {
    for (const act of ['view', 'operate', 'govern', 'audit'] as const) {
      await refuses('fleet-unknown', () => decideAct(grants, act, fleet))
    }
  }
  await refuses('forbidden', () => decideAct(grants, 'view', undefined))
  await refuses('forbidden', () => decideAct(readGrants('fleet-operator:*'), 'govern', undefined))
})

operator.test('nobody gives what is not his to give', async () => {
  same(given('admin:*', '', 'auditor:beta'), 'auditor:beta')
  same(given('admin:*', '', 'admin:*'), 'admin:*')
  same(given('admin:acme', '', 'admin:acme auditor:acme'), 'admin:acme auditor:acme')
  await refuses('forbidden', () => given('admin:acme', '', 'admin:*'))
  await refuses('forbidden', () => given('admin:acme', '', 'auditor:*'))
  await refuses('fleet-unknown', () => given('admin:acme', '', 'auditor:beta'))
  await refuses('fleet-unknown', () => given('admin:acme', '', 'auditor:acme,beta'))
  await refuses('forbidden', () => given('fleet-operator:*', '', 'auditor:acme'))
  await refuses('forbidden', () => given('auditor:acme', '', 'auditor:acme'))
  await refuses('forbidden', () => given('', '', 'auditor:acme'))
  await refuses('forbidden', () => given('admin:acme fleet-operator:beta', '', 'auditor:beta'))
})

operator.test('what is held for fleets that the giver does not govern stays', () => {
  same(given('admin:acme', 'auditor:acme fleet-operator:beta', ''), 'fleet-operator:beta')
  same(given('admin:acme', 'fleet-operator:acme,beta', 'auditor:acme'), 'auditor:acme fleet-operator:beta')
  same(given('admin:acme', 'auditor:*', 'fleet-operator:acme'), 'auditor:* fleet-operator:acme')
  same(given('admin:acme', 'fleet-operator:*', 'fleet-operator:acme'), 'fleet-operator:*')
  same(given('admin:*', 'admin:* auditor:beta', 'auditor:acme'), 'auditor:acme')
  same(given('admin:acme,beta', 'auditor:acme,beta,gamma', 'auditor:beta'), 'auditor:beta,gamma')
})

operator.test('every difference between what was held and what will be is looked at', async () => {
  const check = (giver: string, held: string, next: string) =>
    checkGiven(readGrants(giver), readGrants(held), readGrants(next))
  check('admin:acme', 'auditor:beta', 'auditor:acme,beta')
  check('', 'auditor:beta', 'auditor:beta')
  await refuses('fleet-unknown', () => check('admin:acme', 'auditor:beta', 'auditor:acme'))
  await refuses('fleet-unknown', () => check('admin:acme', 'auditor:beta', 'factory:beta'))
  await refuses('forbidden', () => check('admin:acme', 'auditor:*', ''))
  await refuses('forbidden', () => check('admin:acme', 'auditor:*', 'auditor:acme'))
})

operator.test('shows what is held as far as the viewer sees', () => {
  const seen = (viewer: string, held: string) => writeGrants(visibleGrants(readGrants(viewer), readGrants(held)))
  same(seen('auditor:acme', 'auditor:beta fleet-operator:acme,beta'), 'fleet-operator:acme')
  same(seen('auditor:acme', 'admin:*'), 'admin:*')
  same(seen('auditor:*', 'auditor:beta'), 'auditor:beta')
  same(seen('', 'auditor:beta'), '')
})

operator.test('knows who may do everything', () => {
  same(
    ['admin:*', 'admin:* auditor:acme'].map(text => mayDoEverything(readGrants(text))),
    [true, true],
  )
  same(
    ['', 'admin:acme', 'auditor:*', 'fleet-operator:*'].map(text => mayDoEverything(readGrants(text))),
    Array(4).fill(false),
  )
})
