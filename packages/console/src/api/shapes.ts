// What the platform answers with; times are RFC 3339 in UTC.

export interface Me {
  readonly identity: string
  readonly name: string
  readonly grants: string
  readonly notAfter: string
}

export interface Fleet {
  readonly fleet: string
  readonly state: 'pending' | 'active'
  readonly public: boolean
  readonly created: string
  /** Milliseconds for which its devices may renew after their certificate's end; 0 is never. */
  readonly lateRenewal: number
  /** How many messages of one key are recorded. */
  readonly messagesPerMinute: number
}

export interface Device {
  readonly name: string
  readonly identity: string
  /** Of the current key. */
  readonly did: string
  /** Of the key that becomes current with its first connection. */
  readonly pendingDid: string | null
  readonly standing: string
  readonly standingSince: string
  readonly reason: string | null
  readonly tier: string
  readonly enrolled: string
  readonly serial: string
  readonly notAfter: string
  /** When its word came that it wiped its key; null for a device that never said so. */
  readonly wiped: string | null
  readonly labels: Readonly<Record<string, string>>
}

/** What a device may do with messages. */
export interface Rights {
  readonly scopes: readonly string[]
  /** Names of the fleet, or DIDs, that it may send to; null where it may send to all. */
  readonly recipients: readonly string[] | null
  /** Devices behind it that it speaks for. */
  readonly devices: readonly string[]
  /** It has no clock and counts its messages. */
  readonly counts: boolean
}

export interface Key {
  readonly id: string
  readonly did: string
  readonly since: string
  readonly until: string | null
  readonly state: 'current' | 'pending' | 'superseded'
}

export interface Token {
  readonly id: string
  readonly uses: number
  readonly left: number
  readonly expires: string
  /** A name, a pattern, or null for any name. */
  readonly covers: string | null
  readonly tier: string
  /** Id of the key that it replaces, or null where it is for new names. */
  readonly replaces: string | null
  readonly created: string
  readonly createdBy: string
  readonly revoked: string | null
}

export interface NewToken extends Token {
  readonly token: string
}

/** A configuration as it was set for a target, or nothing where none is. */
export interface Configuration extends ConfigurationFact {
  readonly configuration: unknown
}

export interface ConfigurationFact {
  /** `fleet`, `label:site=berlin` or `device:device-104` */
  readonly target: string
  readonly version: number
  /** Null where there is none, or where it was taken away. */
  readonly digest: string | null
  readonly set: string | null
  readonly by: string | null
  readonly reason: string | null
}

/** What a device reads, and what that is made of. */
export interface Effective {
  readonly version: number
  readonly configuration: unknown
  readonly from: readonly { readonly target: string; readonly version: number }[]
}

export interface Operator {
  readonly name: string
  readonly identity: string
  /** As far as whoever asks may see. */
  readonly grants: string
  readonly standing: string
  readonly standingSince: string
  readonly reason: string | null
  readonly enrolled: string
  readonly notAfter: string
}

/** A token for an operator that was not used yet. */
export interface Invitation {
  readonly id: string
  readonly name: string
  readonly grants: string
  readonly expires: string
  readonly created: string
  readonly createdBy: string
}

export interface Entry {
  readonly ledger: string
  readonly index: number
  readonly kind: string
  readonly at: string
  readonly by: string
  readonly about: string | null
  readonly body: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

export interface Entries {
  readonly entries: readonly Entry[]
  readonly next: number | null
}

/** Why a device is, or is not, let in. */
export interface Why {
  readonly certificate: { readonly state: 'valid' | 'late' | 'expired'; readonly renewsUntil: string } | null
  readonly refusals: readonly RefusedCalls[]
  /** Of a name that never enrolled: how tokens of its fleet were refused lately. */
  readonly tokens: readonly RefusedCalls[]
}

/** Refusals of one code at one operation, added up. */
export interface RefusedCalls {
  readonly who: string
  readonly code: string
  readonly operation: string
  readonly count: number
  readonly last: string
  readonly says: string
  readonly advice: string
}

export interface Warnings {
  readonly warnings: readonly Warning[]
  /** Whether there are more than are listed. */
  readonly more: boolean
}

/** What an operator should look at. */
export type Warning = {
  /** Null for what is the platform's own. */
  readonly fleet: string | null
  readonly says: string
  /** Null where nobody can tell. */
  readonly since: string | null
  readonly advice: string
} & (
  | { readonly kind: 'ends'; readonly authority: string; readonly notAfter: string; readonly within: number }
  | { readonly kind: 'mismatch'; readonly part: string }
  | {
      readonly kind: 'superseded-key' | 'refused' | 'token-refused'
      /** A registry path, or `token:<id>`. */
      readonly who: string
      readonly code: string
      readonly operation: string
      readonly count: number
      readonly last: string
    }
)
