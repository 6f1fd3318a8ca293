import type { Page } from '../place/page.ts'
import { configuration } from './configuration.tsx'
import { device } from './device.tsx'
import { devices } from './devices.tsx'
import { fleetEntry, platformEntry } from './entry.tsx'
import { invite } from './invite.tsx'
import { fleetLedger, platformLedger } from './ledger.tsx'
import { newToken } from './new-token.tsx'
import { operator } from './operator.tsx'
import { operators } from './operators.tsx'
import { overview } from './overview.tsx'
import { tokens } from './tokens.tsx'
import { warnings } from './warnings.tsx'

export const pages: readonly Page<unknown>[] = [
  overview,
  warnings,
  devices,
  device,
  tokens,
  newToken,
  configuration,
  operators,
  operator,
  invite,
  fleetLedger,
  fleetEntry,
  platformLedger,
  platformEntry,
]
