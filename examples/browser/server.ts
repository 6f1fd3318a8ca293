// Serves the page and takes its notes. Whose notes, you say: paste the DID that the page shows, and press Enter.
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Agent, MemoryTrustRegistry, Refused } from '@mintmark/agent'
import { nodeListener } from '@mintmark/agent/node'
import { messageHandler } from '@mintmark/agent/transport'
import { rolldown } from 'rolldown'

const registry = new MemoryTrustRegistry()
const agent = await Agent.create({ registry })
const take = nodeListener(
  messageHandler({
    agent,
    deliver: note => console.log(`${note.from}: ${note.text()}`),
    refused: ({ code }) => console.log(`refused: ${code}`),
  }),
)

const bundle = await rolldown({ input: join(import.meta.dirname, 'page.ts'), platform: 'browser' })
const { output } = await bundle.generate({ format: 'esm', minify: true, codeSplitting: false })
const files: Readonly<Record<string, readonly [type: string, content: string]>> = {
  '/': ['text/html', readFileSync(join(import.meta.dirname, 'index.html'), 'utf8')],
  '/page.js': ['text/javascript', output[0].code],
  '/service': ['text/plain', agent.did],
}

const server = createServer((request, response) => {
  if (request.url === '/messages') return take(request, response)
  const [type, content] = files[request.url ?? ''] ?? ['text/plain', undefined]
  answer(response, type, content)
})
server.listen(Number(process.argv[2] ?? 8000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})

function answer(response: ServerResponse, type: string, content: string | undefined): void {
  response.writeHead(content === undefined ? 404 : 200, {
    'content-type': `${type};charset=utf-8`,
    'content-security-policy': "default-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  })
  response.end(content)
}

for await (const did of createInterface(process.stdin)) {
  try {
    registry.register(did.trim(), { scopes: ['note:write'] })
    console.log(`${did.trim()} may send`)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    console.log(error.code)
  }
}
