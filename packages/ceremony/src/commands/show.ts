import { readRequestFile, type ShownRequest, showRequest } from '../answer.ts'
import type { Command } from '../command.ts'
import { requestLines } from './lines.ts'

export const show: Command = {
  name: 'show',
  summary: 'what a request asks to be signed, and its digest as words; needs no keys',
  operand: 'REQUEST',
  options: {},
  example: 'mintmark-ceremony show request.json',
  async run(given) {
    const shown = await showRequest(readRequestFile(given.operand))
    return { json: requestJson(shown), lines: requestLines(shown) }
  },
}

export const requestJson = ({ request, words, lines }: ShownRequest): object => ({
  domain: request.domain,
  created: new Date(request.created).toISOString(),
  anchor: request.anchor ?? null,
  digest: request.digest,
  words,
  lines,
})
