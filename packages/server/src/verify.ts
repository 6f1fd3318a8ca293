import { libsodiumVerify } from '@mintmark/elements'
import sodium from 'sodium-native'

/** The server's `Verify` port. */
export const serverVerify = libsodiumVerify(sodium)
