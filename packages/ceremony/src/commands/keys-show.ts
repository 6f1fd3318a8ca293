import type { Command } from '../command.ts'
import { describeRoot } from '../describe-root.ts'
import { readRoot } from '../keys.ts'
import { readTranscript } from '../transcript.ts'
import { rootLines, transcriptLine } from './lines.ts'
import { keysOption } from './options.ts'

export const keysShow: Command = {
  name: 'keys show',
  summary: "the root's fingerprint, words and validity, and how often it has signed; needs no passphrase",
  options: { keys: keysOption },
  example: 'mintmark-ceremony keys show --keys /media/root-key/root',
  async run(given) {
    const root = describeRoot(await readRoot(given.value('keys')))
    const transcript = readTranscript(given.value('keys'))
    return { json: { ...root, ...transcript }, lines: [...rootLines(root), transcriptLine(transcript)] }
  },
}
