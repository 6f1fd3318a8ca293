import { bytesSuite } from './bytes.cases.ts'
import { cborSuite } from './cbor.cases.ts'
import { derSuite } from './der.cases.ts'
import { keys } from './keys.cases.ts'
import type { Suite } from './portable.ts'

/** Every suite that has to pass on every promised runtime. */

/** Every suite that has to pass on every promised runtime. */
export const suites: readonly Suite[] = [bytesSuite, cborSuite, derSuite, keys]
