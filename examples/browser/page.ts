// The page: a key in IndexedDB, which no script can read out, signs what is sent.
import { Agent, Refused, webCryptoKey } from '@mintmark/agent'
import { HttpTransport } from '@mintmark/agent/transport'

const element = <T extends HTMLElement>(selector: string): T => document.querySelector<T>(selector)!
const note = element<HTMLTextAreaElement>('#note')
const outcome = element('#outcome')

const key = await webCryptoKey(await keptPair(), 'Ed25519')
const transport = new HttpTransport({ url: new URL('/messages', location.href).href })
const agent = await Agent.create({ key, transport })
const to = await (await fetch('/service')).text()
element('#did').textContent = agent.did

element('form').addEventListener('submit', async event => {
  event.preventDefault()
  outcome.textContent = 'on its way'
  outcome.textContent = await send(note.value)
})

async function send(payload: string): Promise<string> {
  try {
    await agent.send({ to, payload, scope: 'note:write' })
    return 'received'
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return error.code
  }
}

/** The pair of this browser, made at the first visit. */
async function keptPair(): Promise<CryptoKeyPair> {
  const database = await asked(indexedDB.open('keys'), opening => opening.result.createObjectStore('keys'))
  const store = (mode: IDBTransactionMode) => database.transaction('keys', mode).objectStore('keys')
  const kept = (await asked(store('readonly').get('own'))) as CryptoKeyPair | undefined
  if (kept) return kept
  const pair = (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair
  await asked(store('readwrite').put(pair, 'own'))
  return pair
}

function asked<T>(request: IDBRequest<T>, upgrade?: (request: IDBRequest<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    if (upgrade) Object.assign(request, { onupgradeneeded: () => upgrade(request) })
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
