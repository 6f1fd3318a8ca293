import { expectTypeOf, test } from 'vitest'
import type { Session } from '../../../console/src/api/session.ts'
import type * as console from '../../../console/src/api/shapes.ts'
import type { Effective, listConfigurations, readConfiguration } from '../../../server/src/operations/configuration.ts'
import type { readDevice } from '../../../server/src/operations/devices.ts'
import type { EntryPage } from '../../../server/src/operations/entries.ts'
import type { FleetView } from '../../../server/src/operations/fleets.ts'
import type { InvitationView, OperatorView } from '../../../server/src/operations/operators.ts'
import type { RightsView } from '../../../server/src/operations/rights.ts'
import type { openSession } from '../../../server/src/operations/sign-in.ts'
import type { createToken, TokenView } from '../../../server/src/operations/tokens.ts'
import type { listWarnings } from '../../../server/src/operations/warnings.ts'
import type { WhyView } from '../../../server/src/operations/why.ts'

type Reply<F extends (...args: never[]) => unknown> = Awaited<ReturnType<F>>

// The console may not import the server, so it says for itself what it reads. This is checked with the types.
test('what the console reads is what the platform answers', () => {
  expectTypeOf<Reply<typeof openSession>>().toExtend<Session>()
  expectTypeOf<FleetView>().toExtend<console.Fleet>()
  expectTypeOf<Reply<typeof readDevice>>().toExtend<console.Device & { readonly keys: readonly console.Key[] }>()
  expectTypeOf<RightsView>().toExtend<console.Rights>()
  expectTypeOf<TokenView>().toExtend<console.Token>()
  expectTypeOf<Reply<typeof createToken>>().toExtend<console.NewToken>()
  expectTypeOf<Reply<typeof readConfiguration>>().toExtend<console.Configuration>()
  expectTypeOf<Reply<typeof listConfigurations>['configurations'][number]>().toExtend<console.ConfigurationFact>()
  // Written as text, with `configuration` as it is.
  expectTypeOf<Pick<Effective, 'version' | 'from'>>().toExtend<Omit<console.Effective, 'configuration'>>()
  expectTypeOf<OperatorView>().toExtend<console.Operator>()
  expectTypeOf<InvitationView>().toExtend<console.Invitation>()
  expectTypeOf<EntryPage>().toExtend<console.Entries>()
  expectTypeOf<WhyView>().toExtend<console.Why>()
  expectTypeOf<Reply<typeof listWarnings>>().toExtend<console.Warnings>()
})
