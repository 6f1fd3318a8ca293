/** The cells of the Markdown table whose first heading this is, without heading and rule. */
export function tableRows(document: string, heading: string): string[][] {
  const lines = document.split('\n')
  const start = lines.findIndex(line => line.startsWith(`| ${heading} |`))
  if (start < 0) throw new Error(`no table begins with ${heading}`)
  const after = lines.slice(start + 2)
  const end = after.findIndex(line => !line.startsWith('|'))
  return after.slice(0, end < 0 ? undefined : end).map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  )
}
