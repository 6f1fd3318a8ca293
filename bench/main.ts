import { benchEnroll } from './enroll.ts'
import { benchHandshake } from './handshake.ts'
import { benchMessages } from './messages.ts'
import { type Options, readOptions, WrongUse } from './options.ts'
import { leaveFirstCore } from './pinned.ts'
import { benchRegistry } from './registry.ts'
import { benchRevoke } from './revoke.ts'

// `npm run bench`, or `npm run bench -- enroll`. Prints ratios between runs of the same minutes on the same machine;
// single figures say more about the machine than about us. bench/README.md says what each needs and prints.

const benches: Readonly<Record<string, (options: Options) => Promise<void>>> = {
  enroll: benchEnroll,
  handshake: benchHandshake,
  messages: benchMessages,
  registry: benchRegistry,
  revoke: benchRevoke,
}
/** What takes minutes to make is measured where it is asked for by name. */
const unasked = ['enroll', 'handshake', 'messages', 'revoke']

const usage = `npm run bench -- [${Object.keys(benches).join('] [')}] [options]     without a name: ${unasked.join(', ')}

  --rounds <n>        how often each is run, in turn with what it is compared to (3)
  enroll
  --postgres          SQLite beside PostgreSQL with one and three processes, on a server that is started for it
  --step-ca <url>     a step-ca that runs, beside the other peers; with --step-ca-root, --provisioner and
                      --provisioner-key, as bench/README.md says
  messages
  --soak <n>          so many, signed and received one after another, and the memory that it takes; nothing else
  registry
  --devices <n>       in the registry that is measured (1000000)
  --data <directory>  where registries are kept, and found again the next time
  revoke
  --connections <n>   that are open (5000)
  --revocations <n>   one after another, in each round (200)
  --postgres          across two and three processes as well, on a PostgreSQL server that is started for it

  npm run bench -- registry --devices 20000 --data /var/tmp/registries
`

try {
  const { wanted, isHelp, options } = readOptions(process.argv.slice(2))
  const unknown = wanted.find(name => !Object.hasOwn(benches, name))
  if (unknown !== undefined) throw new WrongUse(`no benchmark is called ${unknown}`, 'npm run bench -- --help')
  if (isHelp) process.stdout.write(usage)
  else {
    leaveFirstCore()
    for (const name of wanted.length === 0 ? unasked : wanted) await benches[name]!(options)
  }
} catch (error) {
  if (!(error instanceof WrongUse)) throw error
  process.stderr.write(`${error.message}\n  ${error.hint}\n`)
  process.exitCode = 2
}
