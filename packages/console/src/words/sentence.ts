/** `The advice.` of `the advice`; what stands between backquotes is for the command line. */
export function sentence(advice: string): string {
  if (advice === '') return ''
  const end = /[.!?]$/.test(advice) ? '' : '.'
  return `${advice[0]!.toUpperCase()}${advice.slice(1)}${end}`
}
