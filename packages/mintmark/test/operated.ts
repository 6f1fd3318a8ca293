import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { didKey } from '@mintmark/core/keys'
import { spiffeId } from '@mintmark/core/names'
import { keyForEnrollment, writeHome } from '../../device/src/home.ts'
import { fresh, listen } from '../../device/test/listening.ts'
import { domain, makeLeaf, makePki, makeServed, type Pki, pemOf } from '../../device/test/pki.ts'
import { run } from '../src/program.ts'

type Answer = object | ((body: unknown) => object)

let pki: Pki | undefined

/** A platform that answers operators from a table, and the data directory that leads to it. */
export async function operated(answers: Record<string, Answer> = {}) {
  pki ??= await makePki()
  const seen: { readonly call: string; readonly body: unknown }[] = []
  const server = createServer(
    { ...(await makeServed(pki.server)), ca: pemOf(pki.root.der), requestCert: true, rejectUnauthorized: true },
    async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const body = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
      const call = `${request.method} ${request.url}`
      seen.push({ call, body })
      const answer = answers[call]
      response.setHeader('content-type', 'application/json')
      if (answer === undefined) response.writeHead(404).end('{"code":"not-found","message":"There is nothing here."}')
      else response.end(JSON.stringify(typeof answer === 'function' ? answer(body) : answer))
    },
  )
  const { url, stop } = await listen(server)
  return { data: await makeData(pki, url), seen, url, stop }
}

/** A data directory whose platform is at this address. */
async function makeData({ people, root }: Pki, url: string): Promise<string> {
  const data = fresh('data')
  mkdirSync(data)
  writeFileSync(join(data, 'platform.json'), JSON.stringify({ v: 1, domain }))
  writeFileSync(join(data, 'endpoint.json'), JSON.stringify({ machine: url, console: 'http://127.0.0.1:1/' }))
  const name = { fleet: 'platform', role: 'operator', name: 'local' } as const
  const { publicKey } = keyForEnrollment(join(data, 'operator'), 'P-256')
  const chain = [await makeLeaf(people, publicKey, name), people.der]
  const facts = { identity: spiffeId(domain, name), did: didKey(publicKey), url, ...name }
  writeHome(join(data, 'operator'), { facts, chain, anchor: root.der, charter: undefined, receipt: {} })
  return data
}

/** Runs a command line in this process. */
export async function ran(...args: readonly string[]) {
  const said = { out: '', err: '' }
  const code = await run(args, {
    writeOut: text => {
      said.out += text
    },
    writeErr: text => {
      said.err += text
    },
    getOutHasColors: () => false,
    getErrHasColors: () => false,
    getOutHelpWidth: () => 100,
  })
  return { code, ...said }
}
