import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const megabytes = 64

/**
 * Disks of their own, ext4 in files, which can be copied as they are at one moment: what a power cut would leave. They
 * are mounted in a name space that only these processes see, so that nothing is left mounted when they end, however they
 * do: the name space ends with its last process, the loop devices with their mounts, and the processes with this one.
 */
export class Images {
  readonly #holder: ChildProcess
  readonly #directory: string
  #made = 0

  private constructor(holder: ChildProcess, directory: string) {
    this.#holder = holder
    this.#directory = directory
  }

  /** @throws where this process may not mount */
  static async open(): Promise<Images> {
    // In memory where there is room: what matters is what was written, not how fast.
    const memory = existsSync('/dev/shm') ? statfsSync('/dev/shm') : undefined
    const isRoomy = memory !== undefined && memory.bavail * memory.bsize > 8 * megabytes * 1_048_576
    const directory = mkdtempSync(join(isRoomy ? '/dev/shm' : tmpdir(), 'mintmark-images-'))
    // Ends with this process, as its input then does.
    const holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'echo; exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const images = new Images(holder, directory)
    const ended = once(holder, 'exit').then(() => {
      throw new Error('no name space of mounts')
    })
    await Promise.race([once(holder.stdout!, 'data'), ended])
    ended.catch(() => undefined)
    return images
  }

  /** What makes a program see the mounts, and end with this process: to be put before it. */
  get prefix(): readonly string[] {
    return ['nsenter', `--mount=/proc/${this.#holder.pid}/ns/mnt`, 'setpriv', '--pdeathsig', 'KILL', '--']
  }

  /** A new disk, mounted. */
  make(): Disk {
    const disk = this.#place()
    execFileSync('truncate', ['-s', `${megabytes}M`, disk.file])
    execFileSync('mkfs.ext4', ['-q', '-F', '-J', 'size=4', '-E', 'lazy_itable_init=0,lazy_journal_init=0', disk.file])
    this.#mount(disk)
    return disk
  }

  /** A disk as it is at this moment, mounted beside it. Nobody may be writing to it. */
  copy({ file }: Disk): Disk {
    const disk = this.#place()
    // Until it reads the same twice: what the kernel writes back by itself would otherwise be there in part.
    for (let [bytes, again] = [readFileSync(file), readFileSync(file)]; ; bytes = again, again = readFileSync(file)) {
      if (!bytes.equals(again)) continue
      writeFileSync(disk.file, bytes)
      break
    }
    this.#mount(disk)
    return disk
  }

  /** Its processes have ended. */
  remove({ file, inside }: Disk): void {
    this.#run('umount', inside)
    rmSync(file)
  }

  async close(): Promise<void> {
    this.#holder.kill('SIGKILL')
    await once(this.#holder, 'close')
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #place(): Disk {
    const name = `disk-${this.#made++}`
    const inside = join(this.#directory, name)
    mkdirSync(inside)
    return { file: `${inside}.ext4`, inside, outside: `/proc/${this.#holder.pid}/root${inside}` }
  }

  // Metadata is committed when someone asks for it, and not because five seconds are over.
  #mount({ file, inside }: Disk): void {
    this.#run('mount', '-o', 'loop,noatime,commit=300', file, inside)
  }

  #run(...command: readonly string[]): void {
    const [program, ...args] = [...this.prefix, ...command]
    execFileSync(program!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
}

export interface Disk {
  readonly file: string
  /** Where it is for programs with the prefix. */
  readonly inside: string
  /** The same for everyone else. */
  readonly outside: string
}
