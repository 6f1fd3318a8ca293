import type { ShownRequest } from '../answer.ts'
import type { RootDescription } from '../describe-root.ts'
import type { Transcript } from '../transcript.ts'

export const rootLines = (root: RootDescription): string[] => [
  root.title,
  `  valid        ${day(root.notBefore)} to ${day(root.notAfter)}`,
  `  fingerprint  ${root.fingerprint}`,
  ...wordLines(root.words),
]

export function requestLines({ request, words, lines }: ShownRequest): string[] {
  const { domain, created, anchor } = request
  const whose = anchor === undefined ? 'any root of this domain: the platform is being founded' : `the root ${anchor}`
  return [
    `Request of ${domain}, made ${minute(new Date(created).toISOString())}`,
    `  for          ${whose}`,
    ...lines.map((line, at) => `  ${`${at + 1}.`.padEnd(12)} ${line}`),
    `  digest       ${request.digest}`,
    ...wordLines(words),
  ]
}

export const transcriptLine = ({ ceremonies, head }: Transcript): string =>
  `  transcript   ${ceremonies} signed, head ${head}`

export const minute = (time: string): string => `${time.slice(0, 16).replace('T', ' ')} UTC`

const day = (time: string): string => time.slice(0, 10)

/** Sixteen words, in two lines of eight. */
function wordLines(words: string): string[] {
  const all = words.split(' ')
  return [`  words        ${all.slice(0, 8).join(' ')}`, `               ${all.slice(8).join(' ')}`]
}
