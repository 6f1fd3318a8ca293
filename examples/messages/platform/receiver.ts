// A service of a fleet takes messages over HTTP: from whom the platform knows, for what an operator gave them, once each.
// Each is an entry of the fleet's ledger, without what was sent, before it is delivered.
//
//     node receiver.ts <home> <port>
import { Agent } from '@mintmark/agent'
import { openHome, serveHttp } from '@mintmark/agent/node'
import { PlatformJournal } from '@mintmark/agent/platform'
import { messageHandler } from '@mintmark/agent/transport'

const [directory = '', port = ''] = process.argv.slice(2)
const say = (line: string) => process.stdout.write(`${line}\n`)

// Its own identity, and the registry that it may read.
const home = await openHome(directory)
const agent = await Agent.create({ ...home, journal: new PlatformJournal(home) })

const server = await serveHttp(
  messageHandler({
    agent,
    deliver: received => say(`${received.from} for ${received.scope}: ${received.text()}`),
    refused: why => say(`refused: ${why.code}`),
  }),
  { port: Number(port) },
)
say(`${agent.did} listens at http://127.0.0.1:${server.port}/`)

process.once('SIGTERM', async () => {
  await server.close()
  await home.close()
})
