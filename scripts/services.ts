// Why this exists: some tests check us against programs that are not ours. This installs the Debian packages they come
// in, where that is possible without asking; a test whose program is missing is skipped with the reason.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

interface Service {
  readonly package: string
  /** Or a file of the package, by its path. */
  readonly commands: readonly string[]
  readonly why: string
}

const services = [
  { package: 'chromium', commands: ['chromium'], why: 'core and the console in a real browser' },
  { package: 'golang-cfssl', commands: ['cfssl', 'cfssljson'], why: 'certificates of another authority' },
  { package: 'gnutls-bin', commands: ['certtool', 'gnutls-cli'], why: 'a second opinion on our certificates and TLS' },
  { package: 'faketime', commands: ['faketime'], why: 'a clock that is wrong' },
  { package: 'openssl', commands: ['openssl'], why: 'a second opinion on keys, requests, certificates and CRLs' },
  {
    package: 'postgresql',
    commands: ['postgres', 'initdb', 'psql'],
    why: 'the store on a database server; a cluster of its own for each test',
  },
  {
    package: 'build-essential',
    commands: ['cc'],
    why: 'a microcontroller; a disk that fails, which is a library between the platform and its files',
  },
  {
    package: 'python3-cryptography',
    commands: ['/usr/lib/python3/dist-packages/cryptography/__init__.py'],
    why: 'envelopes verified with nothing of ours',
  },
  {
    package: 'libsodium-dev',
    commands: ['/usr/include/sodium.h'],
    why: 'SHA-256 and Ed25519 of the microcontroller that is played',
  },
  { package: 'mosquitto', commands: ['mosquitto'], why: 'messages and readings through an MQTT broker' },
  { package: 'nats-server', commands: ['nats-server'], why: 'sealed messages handed on through NATS' },
  { package: 'redis-server', commands: ['redis-server'], why: 'nonces of messages in a store that receivers share' },
  { package: 'curl', commands: ['curl'], why: 'enrollment without our own client' },
] as const satisfies readonly Service[]

export type Command = (typeof services)[number]['commands'][number]

/**
 * For a test that runs this command: undefined where it is there, otherwise why the test is skipped.
 * Under CI nothing is skipped, so there a missing command is an error.
 */
export function need(command: Command): string | undefined {
  if (find(command) !== undefined) return undefined
  const why = `${command} is missing: ${installCommand([packageOf(command)]).join(' ')}`
  if (process.env.CI === 'true') throw new Error(why)
  return why
}

/** Where the command is, as the shell would find it; programs of a server are not in PATH on Debian. */
export function find(command: string): string | undefined {
  if (command.startsWith('/')) return existsSync(command) ? command : undefined
  const places = (process.env.PATH ?? '').split(delimiter).map(directory => join(directory, command))
  return [...places, `/usr/sbin/${command}`, ...globSync(`/usr/lib/postgresql/*/bin/${command}`)].find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const packageOf = (command: Command): string =>
  services.find(({ commands }) => (commands as readonly string[]).includes(command))!.package

// Another installation may be under way; apt-get then waits for its lock.
const installCommand = (packages: readonly string[]): string[] => [
  'apt-get',
  'install',
  '-y',
  '--no-install-recommends',
  '-o',
  'DPkg::Lock::Timeout=300',
  ...packages,
]

async function main(): Promise<number> {
  const missing = services.filter(({ commands }) => commands.some(command => find(command) === undefined))
  if (missing.length === 0) {
    process.stdout.write(`${services.length} packages, all there\n`)
    return 0
  }
  for (const { package: name, why } of missing) process.stdout.write(`missing ${name}: ${why}\n`)
  const command = installCommand(missing.map(service => service.package))
  const prefix = privilege()
  if (prefix !== undefined) {
    // Unlike an install, an update does not wait for its lock.
    for (let tries = 0; tries < 20 && !run([...prefix, 'apt-get', 'update', '-qq']); tries++) await sleep(3_000)
    run([...prefix, ...command])
  }
  const left = missing.filter(({ commands }) => commands.some(name => find(name) === undefined))
  if (left.length === 0) return 0
  process.stdout.write(`tests that need them are skipped until this has run: ${command.join(' ')}\n`)
  return process.env.CI === 'true' ? 1 : 0
}

/** What to put before a command so that it runs as root, or undefined where that needs a password or apt is missing. */
function privilege(): readonly string[] | undefined {
  if (find('apt-get') === undefined) return undefined
  const quiet = ['env', 'DEBIAN_FRONTEND=noninteractive']
  if (process.getuid?.() === 0) return quiet
  const asks = find('sudo') === undefined || spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0
  return asks ? undefined : ['sudo', '-n', ...quiet]
}

/** Whether it succeeded; that an install did not, also shows in what is still missing afterwards. */
function run([command, ...args]: readonly string[]): boolean {
  return spawnSync(command!, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
}

if (import.meta.main) process.exitCode = await main()
