import type { Desk, Given, Option } from '../command.ts'
import { readPassphraseFile } from '../passphrase.ts'

export const keysOption: Option = { value: 'DIR', required: true, meaning: 'directory of the root key' }

export const domainOption: Option = { value: 'DOMAIN', required: true, meaning: "the platform's domain, example.test" }

export const passphraseOption: Option = {
  value: 'FILE',
  meaning: 'read the passphrase from a file of mode 0600, instead of the terminal',
}

/** From the file where one is named, otherwise typed unseen; never an argument or the environment. */
export async function givenPassphrase(given: Given, desk: Desk, question = 'Passphrase: '): Promise<string> {
  const file = given.optional('passphrase-file')
  return file === undefined ? desk.terminal.askHidden(question, 'use --passphrase-file') : readPassphraseFile(file)
}
