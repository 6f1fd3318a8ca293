/** Milliseconds of the one clock that all processes of this computer have in common, and that does not step. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6
