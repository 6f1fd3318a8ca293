import { type Command, type Desk, type Given, WrongUse } from '../command.ts'
import { describeRoot } from '../describe-root.ts'
import { createRoot } from '../keys.ts'
import { checkNewPassphrase } from '../passphrase.ts'
import { rootLines } from './lines.ts'
import { domainOption, givenPassphrase, keysOption, passphraseOption } from './options.ts'

export const keysCreate: Command = {
  name: 'keys create',
  summary: 'make the offline root of a platform: a sealed key and its certificate',
  options: {
    keys: { ...keysOption, meaning: 'new directory for the root key' },
    domain: domainOption,
    development: { meaning: 'the certificate says DEVELOPMENT wherever it is shown' },
    'passphrase-file': passphraseOption,
  },
  example: 'mintmark-ceremony keys create --keys /media/root-key/root --domain example.test',
  async run(given, desk) {
    const [directory, domain] = [given.value('keys'), given.value('domain')]
    const passphrase = await newPassphrase(given, desk)
    const { now, random } = desk
    const development = given.flag('development')
    const { certificate } = await createRoot({ directory, domain, passphrase, now, random, development })
    const root = describeRoot(certificate)
    return { json: { keys: directory, ...root }, lines: [`Root made in ${directory}`, ...rootLines(root)] }
  },
}

async function newPassphrase(given: Given, desk: Desk): Promise<string> {
  const passphrase = await givenPassphrase(given, desk, 'New passphrase, at least 12 characters: ')
  checkNewPassphrase(passphrase)
  if (given.flag('passphrase-file')) return passphrase
  const again = await givenPassphrase(given, desk, 'The same again: ')
  if (again !== passphrase) throw new WrongUse('the two passphrases differ', 'nothing was made; begin again')
  return passphrase
}
