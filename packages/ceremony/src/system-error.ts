/** How a system call failed, as `ENOENT`; undefined for any other error. */
export const failureOf = (error: unknown): string | undefined =>
  error instanceof Error && 'syscall' in error && 'code' in error ? String(error.code) : undefined
