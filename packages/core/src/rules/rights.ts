import { Refused } from '../errors/refused.ts'
import { isDid } from '../keys/did-key.ts'
import { readName } from '../names/names.ts'
import { readGrants, scopeBounds } from './scope.ts'

/** What a name may do with messages. It belongs to the name, whatever key that has, and ends with its standing. */
export interface Rights {
  /** What it may send for: `floor3.*:read`, `telemetry:write`. None: nothing. */
  readonly scopes: readonly string[]
  /** Names of its fleet, or DIDs, that it may send to; undefined where it may send to all. */
  readonly recipients: readonly string[] | undefined
  /** Devices behind it that it speaks for. */
  readonly devices: readonly string[]
  /** It has no clock, and counts its messages. */
  readonly counts: boolean
}

/** Of a name of which nobody said anything. */
export const noRights: Rights = { scopes: [], recipients: undefined, devices: [], counts: false }

export const rightsBounds = { scopes: scopeBounds.grants, recipients: 64, devices: 1_024 } as const

/** One form for one meaning: each list in order, each member once. @throws Refused `bad-scope`, `bad-name`, `bad-did` */
export function readRights({ scopes, recipients, devices, counts }: Rights): Rights {
  readGrants(scopes)
  const [few, many] = [recipients?.length ?? 1, devices.length]
  // Nobody at all is said by no scopes.
  if (!(few >= 1 && few <= rightsBounds.recipients && many <= rightsBounds.devices)) throw new Refused('bad-request')
  for (const recipient of recipients ?? []) readRecipient(recipient)
  if (!devices.every(isBehind)) throw new Refused('bad-name', 'a device behind it')
  return { scopes: inOrder(scopes), recipients: recipients && inOrder(recipients), devices: inOrder(devices), counts }
}

/** Of two in the form that `readRights` gives. */
export const sameRights = (a: Rights, b: Rights): boolean =>
  a.counts === b.counts &&
  sameList(a.scopes, b.scopes) &&
  sameList(a.devices, b.devices) &&
  (a.recipients === undefined || b.recipients === undefined
    ? a.recipients === b.recipients
    : sameList(a.recipients, b.recipients))

/** A DID as a message can name one: DID Core 3.1, without path, query and fragment. */
function readRecipient(text: string): void {
  if (!text.startsWith('did:')) readName(text)
  else if (!isDid(text)) throw new Refused('bad-did')
}

/** What `onBehalfOf` of a message can say. */
const isBehind = (text: string): boolean => text.length <= 255 && /^[\x21-\x7e]+$/.test(text)

const inOrder = (list: readonly string[]): readonly string[] => [...new Set(list)].sort()

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((member, i) => member === b[i])
