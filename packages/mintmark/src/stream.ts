import type { Command } from 'commander'
import { isJson, table } from './print.ts'
import type { Fields } from './reply.ts'

/** How a list is told as it comes, however long it is. */
export interface Listing {
  /** The name of the list in the JSON document. */
  readonly name: string
  /** What else the document has. */
  readonly json: Fields
  readonly heads: readonly string[]
  cells(thing: Fields): readonly string[]
  /** Instead of a table without rows. */
  readonly none: string
}

/**
 * Prints page after page: one JSON document in parts, or a table whose columns are as wide as its first page needs.
 * Never more than a page is held. Where a later page fails, the document is cut short and the exit code tells.
 */
export async function printStream(command: Command, listing: Listing, pages: AsyncIterable<Fields[]>): Promise<void> {
  const { writeOut = () => undefined } = command.configureOutput()
  if (isJson(command)) return streamJson(listing, pages, writeOut)
  let columns: number[] | undefined
  for await (const page of pages) {
    if (page.length === 0) continue
    const rows = page.map(listing.cells)
    const whole = table(command, listing.heads, rows, columns)
    writeOut(`${columns ? whole.slice(whole.indexOf('\n') + 1) : whole}\n`)
    columns ??= listing.heads.map((head, i) => Math.max(head.length, ...rows.map(row => row[i]!.length)))
  }
  if (columns === undefined) writeOut(`${listing.none}\n`)
}

async function streamJson({ name, json }: Listing, pages: AsyncIterable<Fields[]>, write: (text: string) => void) {
  const before = JSON.stringify(json).slice(0, -1)
  let between = `${before}${before === '{' ? '' : ','}${JSON.stringify(name)}:[`
  for await (const page of pages) {
    if (page.length === 0) continue
    write(between + page.map(thing => JSON.stringify(thing)).join())
    between = ','
  }
  write(`${between === ',' ? '' : between}]}\n`)
}
