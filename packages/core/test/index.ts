import { bytesSuite } from './bytes.cases.ts'
import { cborSuite } from './cbor.cases.ts'
import { decommission } from './decommission.cases.ts'
import { derSuite } from './der.cases.ts'
import { didSuccession } from './did-succession.cases.ts'
import { encryptionKey } from './encryption-key.cases.ts'
import { envelope } from './envelope.cases.ts'
import { keys } from './keys.cases.ts'
import { ledger } from './ledger.cases.ts'
import { names } from './names.cases.ts'
import { operator } from './operator.cases.ts'
import type { Suite } from './portable.ts'
import { proof } from './proof.cases.ts'
import { rules } from './rules.cases.ts'
import { scope } from './scope.cases.ts'
import { settings } from './settings.cases.ts'
import { signed } from './signed.cases.ts'
import { succession } from './succession.cases.ts'

/** Every suite that has to pass on every promised runtime. */
export const suites: readonly Suite[] = [
  bytesSuite,
  cborSuite,
  derSuite,
  keys,
  ledger,
  names,
  signed,
  succession,
  proof,
  rules,
  settings,
  operator,
  decommission,
  envelope,
  encryptionKey,
  didSuccession,
  scope,
]
