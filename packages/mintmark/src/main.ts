import { run } from './program.ts'

// `mintmark device list | head` ends the reader first; that is no fault of anyone.
process.stdout.on('error', error => {
  if (!('code' in error) || error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await run(process.argv.slice(2))
