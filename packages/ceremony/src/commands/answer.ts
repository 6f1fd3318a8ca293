import { hex, sha256 } from '@mintmark/core/bytes'
import { answerFile, type Signer } from '../answer.ts'
import type { Command, Desk, Given } from '../command.ts'
import { describeRoot } from '../describe-root.ts'
import { minute, requestLines, rootLines, transcriptLine } from './lines.ts'
import { givenPassphrase, keysOption, passphraseOption } from './options.ts'

export const answer: Command = {
  name: 'answer',
  summary: 'show a request, and sign it once its first two words are typed',
  operand: 'REQUEST',
  options: {
    keys: keysOption,
    out: { value: 'ANSWER', required: true, meaning: 'new file for the answer' },
    confirm: { value: '"WORD WORD"', meaning: "the first two words of the request's digest, instead of typing them" },
    'passphrase-file': passphraseOption,
  },
  example: 'mintmark-ceremony answer request.json --keys /media/root-key/root --out answer.json',
  async run(given, desk) {
    const files = { request: given.operand, keys: given.value('keys'), out: given.value('out') }
    const { shown, root, answer, transcript } = await answerFile({ ...files, signer: signerAt(desk, given), ...desk })
    const digest = hex(sha256(answer))
    return {
      json: {
        answer: files.out,
        request: shown.request.digest,
        root: describeRoot(root).fingerprint,
        digest,
        transcript,
      },
      lines: [`Signed: ${files.out}`, `  digest       ${digest}`, transcriptLine(transcript)],
    }
  },
}

const signerAt = (desk: Desk, given: Given): Signer => ({
  confirm(shown, root) {
    for (const line of [...requestLines(shown), '', 'To be signed by', ...rootLines(describeRoot(root)), ''])
      desk.say(line)
    desk.say(`This computer's clock says ${minute(new Date(desk.now()).toISOString())}.`)
    desk.say('Read the words of the request to whoever sent it. Where one differs, stop here.')
    return given.optional('confirm') ?? desk.terminal.ask('First two words: ', 'use --confirm "WORD WORD"')
  },
  passphrase: () => givenPassphrase(given, desk),
})
