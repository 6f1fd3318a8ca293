import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../../..')

/** A Markdown file of the checkout. */
export interface Page {
  /** Relative to the checkout. */
  readonly path: string
  readonly text: string
}

/** Text between two lines of backticks. */
export interface Fence {
  readonly language: string
  /** What stands after the language; names an example that a test reads. */
  readonly name: string
  readonly body: string
}

/** Every Markdown file of ours. */
export const pages: readonly Page[] = globSync('**/*.md', {
  cwd: root,
  exclude: path => path.split('/').includes('node_modules'),
})
  .toSorted()
  .map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }))

export function page(path: string): Page {
  const found = pages.find(each => each.path === path)
  if (found === undefined) throw new Error(`there is no ${path}`)
  return found
}

const fenced = /^( *)```([a-z0-9]*) ?(.*)\n((?:.*\n)*?)\1```$/gm

/** A fence may be indented with the list that it stands in; its body is given without that. */
export const fences = ({ text }: Page): Fence[] =>
  [...text.matchAll(fenced)].map(([, indent = '', language = '', name = '', body = '']) => ({
    language,
    name,
    body: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }))

export function example(path: string, name: string): string {
  const found = fences(page(path)).filter(fence => fence.name === name)
  if (found.length !== 1) throw new Error(`${path} has ${found.length} examples named ${name}`)
  return found[0]!.body.trim()
}

/** The text without its fences. */
export const prose = ({ text }: Page): string => text.replaceAll(fenced, '')

/** What stands between single backticks, outside of fences; a line end in it is a space. */
export const spans = (where: Page): string[] =>
  [...prose(where).matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll(/\s+/g, ' '))

/** As GitHub makes an anchor of a heading. */
export const anchors = (where: Page): string[] =>
  [...prose(where).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
