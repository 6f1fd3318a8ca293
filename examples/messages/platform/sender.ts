// A device signs one message by the key of its home, sends it to a service, and says what became of it.
//
//     node sender.ts <home> <url> <DID of the receiver> <scope> <text> [file that keeps the message]
import { writeFileSync } from 'node:fs'
import { Agent, Refused } from '@mintmark/agent'
import { openHome } from '@mintmark/agent/node'
import { HttpTransport } from '@mintmark/agent/transport'

const [directory = '', url = '', to = '', scope = '', text = '', file] = process.argv.slice(2)
const home = await openHome(directory)
const agent = await Agent.create({ ...home, transport: new HttpTransport({ url }) })

try {
  const message = await agent.send({ to, scope, payload: text })
  if (file !== undefined) writeFileSync(file, message)
  process.stdout.write('accepted\n')
} catch (error) {
  if (!(error instanceof Refused)) throw error
  process.stdout.write(`refused: ${error.code}\n`)
} finally {
  await home.close()
}
