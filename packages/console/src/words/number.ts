/** `1 device`, `2 devices`; numbers with a space that does not break. */
export const count = (number: number, one: string, many = `${one}s`): string =>
  `${grouped(number)} ${number === 1 ? one : many}`

/** Groups of three with a narrow space (ISO 80000-1 7.3.1). */
export const grouped = (number: number): string => String(number).replaceAll(/\B(?=(?:\d{3})+$)/g, '\u202f')
