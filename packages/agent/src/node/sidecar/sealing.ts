import { existsSync } from 'node:fs'
import { Refused } from '@mintmark/core/errors'
import { encryptionKeysOf, readHome } from '@mintmark/device'
import { EncryptionKeys } from '../../seal/encryption-keys.ts'
import { encryptionKeysIn } from '../encryption-place.ts'

/**
 * The keys that messages to a device are sealed to; where there are none, the first one is made. One process a home.
 * @throws Refused `forbidden` in a home that is no device's: nobody's registry has a key of it
 */
export async function provideEncryptionKeys(home: string): Promise<EncryptionKeys> {
  const { role, identity } = readHome(home)
  if (role !== 'device') {
    throw new Refused('forbidden', identity, { hint: 'messages are sealed to devices: announce from the home of one' })
  }
  return open(home)
}

/** Those that are there; undefined where none was made. */
export const keptEncryptionKeys = async (home: string): Promise<EncryptionKeys | undefined> =>
  existsSync(encryptionKeysOf(home)) ? open(home) : undefined

const open = (home: string): Promise<EncryptionKeys> => EncryptionKeys.open(encryptionKeysIn(encryptionKeysOf(home)))
