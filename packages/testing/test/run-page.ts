import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@mintmark/testing/faults'
import { fences, type Page, root } from './pages.ts'

/** Commands of a page up to what their output has to contain. */
interface Step {
  readonly commands: string
  readonly expected: readonly string[]
}

interface Output {
  readonly text: string
  readonly state: 'done' | 'failed' | 'not-run'
}

/**
 * Runs the bash blocks of a page in order, in one shell that ends with the first command that fails, in a directory of
 * its own with a new platform, $PLATFORM and $CONSOLE. The ports that the page names are exchanged for free ones.
 * @param begin how the platform is started
 * @returns what a step was to print and did not, and of a failed step all that it printed
 */
export async function runPage(
  page: Page,
  begin = start,
): Promise<{ readonly steps: number; readonly problems: readonly string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-page-'))
  const ports = await portsFor(page)
  const steps = stepsOf({ ...page, text: withPorts(page.text, ports) })
  writeFileSync(join(directory, 'page.sh'), withPorts(begin, ports) + steps.map(scriptOf).join(''))
  try {
    const said = await runShell(directory)
    const problems = steps.flatMap((step, i) => problemsOf(step, outputOf(directory, i)))
    // A script that is no script runs nothing and fails no step.
    return { steps: steps.length, problems: said === '' ? problems : [...problems, said] }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Blocks that say why they are not run are left out; `# -> text` is what the commands before it print. */
function stepsOf(page: Page): Step[] {
  const steps: Step[] = []
  for (const { language, body } of fences(page)) {
    if (language !== 'bash' || /^# not run: ./m.test(body)) continue
    let [commands, expected]: [string[], string[]] = [[], []]
    for (const line of body.trimEnd().split('\n')) {
      const wanted = /^# -> (.+)$/.exec(line)?.[1]
      if (wanted !== undefined) {
        expected.push(wanted)
        continue
      }
      if (expected.length > 0) {
        steps.push({ commands: commands.join('\n'), expected })
        ;[commands, expected] = [[], []]
      }
      commands.push(line)
    }
    steps.push({ commands: commands.join('\n'), expected })
  }
  return steps
}

const start = `set -e -o pipefail
mintmark up --domain example.test --port 8443 --console-port 8080 --log-level warn --json > up.out 2> up.err &
for i in $(seq 600); do [ -s up.out ] && break; sleep 0.1; done
[ -s up.out ] || { cat up.err >&2; exit 1; }
PLATFORM=https://localhost:8443 CONSOLE=http://127.0.0.1:8080
`

// In braces and not in brackets: variables and directories are kept from one step to the next.
const scriptOf = ({ commands }: Step, i: number): string =>
  `{\n:\n${commands}\n} > "$PAGE/${i}.out" 2>&1\ntouch "$PAGE/${i}.done"\n`

/** Everything that the page left running ends with it. @returns what the shell itself had to say */
async function runShell(directory: string): Promise<string> {
  const shell = spawn('bash', ['page.sh'], {
    cwd: directory,
    env: environment(directory),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  let said = ''
  shell.stderr.on('data', chunk => {
    said += chunk
  })
  await new Promise(resolve => shell.once('exit', resolve))
  try {
    process.kill(-shell.pid!, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
  return said
}

function problemsOf({ commands, expected }: Step, { text, state }: Output): string[] {
  if (state === 'not-run') return []
  if (state === 'failed') return [`${commands}\nfailed:\n${text}`]
  return expected
    .filter(wanted => !text.includes(wanted))
    .map(wanted => `${commands}\nprinted no "${wanted}" but\n${text}`)
}

function outputOf(directory: string, step: number): Output {
  const text = read(join(directory, `${step}.out`))
  if (text === undefined) return { text: '', state: 'not-run' }
  return { text, state: read(join(directory, `${step}.done`)) === undefined ? 'failed' : 'done' }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const named = /\b(8443|8080|8444|8081)\b/g

async function portsFor({ text }: Page): Promise<ReadonlyMap<string, string>> {
  const ports = new Map<string, string>()
  for (const [port] of `${start}${text}`.matchAll(named)) {
    while (!ports.has(port)) {
      const free = String(await freePort())
      if (![...ports.values()].includes(free)) ports.set(port, free)
    }
  }
  return ports
}

const withPorts = (text: string, ports: ReadonlyMap<string, string>): string =>
  text.replaceAll(named, port => ports.get(port)!)

/** Nothing of the machine's own Mintmark, and no proxy between the page and its platform. */
function environment(directory: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(MINTMARK_|NODE_|VITEST|CURL_)|_proxy$/i.test(name))
  return {
    ...Object.fromEntries(own),
    PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH ?? ''}`,
    PAGE: directory,
    CHECKOUT: root,
  }
}
