/** What an operator may do, and to which fleets. */
export const grantsOf = (): string => 'admin:*'
