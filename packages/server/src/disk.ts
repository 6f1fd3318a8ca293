import { Refused } from '@mintmark/core/errors'
import { isCode } from '@mintmark/elements'

/** No room, no more files, not writable, broken; EFBIG where the process itself is limited. */
const away = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EMFILE', 'ENFILE', 'EIO'] as const

/** As what a failure of the disk is refused: it may be over in a moment. Undefined where it is another failure. */
export function refusedByDisk(error: unknown): Refused | undefined {
  const failure = causes(error).find(each => isCode(each, ...away))
  return failure && new Refused('unavailable', failure.message, { cause: error })
}

/**
 * The failure to sync a file or a directory, where that is what happened. The system has dropped what was written and
 * would not say so again, so whoever goes on builds on a file that is not there.
 */
export const unsyncedFile = (error: unknown): Error | undefined =>
  causes(error).find(each => 'syscall' in each && each.syscall === 'fsync')

function causes(error: unknown): Error[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : []
}
