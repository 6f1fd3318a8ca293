import type { Command } from '../command.ts'
import { describeRoot } from '../describe-root.ts'
import { rehearse as rehearseIn } from '../rehearsal.ts'
import { requestLines, rootLines } from './lines.ts'
import { domainOption } from './options.ts'
import { requestJson } from './show.ts'

export const rehearse: Command = {
  name: 'rehearse',
  summary: 'a whole ceremony with development keys in a new directory, by the same code',
  options: {
    dir: { value: 'DIR', required: true, meaning: 'new directory for the keys, the request and the answer' },
    domain: domainOption,
  },
  example: 'mintmark-ceremony rehearse --dir ./rehearsal --domain example.test',
  async run(given, desk) {
    const directory = given.value('dir')
    const { shown, proven } = await rehearseIn(directory, given.value('domain'), desk)
    const root = describeRoot(proven.root)
    return {
      json: { directory, root, request: requestJson(shown), signed: proven.items.length },
      lines: [
        ...rootLines(root),
        ...requestLines(shown),
        `Answered in ${directory}/answer.json; all ${proven.items.length} items prove under the root.`,
        'THESE ARE DEVELOPMENT KEYS: the passphrase stands beside them.',
      ],
    }
  },
}
