import { readFileSync } from 'node:fs'
import { readTrustView, type TrustView } from '../../operations/trust.ts'
import type { Platform } from '../../platform.ts'
import { json, type Reply } from '../call.ts'
import type { Addresses } from './checks.ts'
import { renderTrustPage } from './page.ts'

/**
 * What the Trust Center serves under a path, or undefined. Style and icon are read once; every fact is read from the
 * store anew, also for the files, so that page and files say the same.
 */
export type TrustCenter = (path: string, addresses: Addresses) => Promise<Reply | undefined>

export function openTrustCenter(platform: Platform): TrustCenter {
  const fixed = new Map<string, Reply>([
    ['/trust.css', { status: 200, type: 'text/css; charset=utf-8', body: readAsset('trust.css') }],
    ['/trust/icon.svg', { status: 200, type: 'image/svg+xml', body: readAsset('icon.svg') }],
  ])
  return async (path, addresses) => {
    if (!path.startsWith('/trust')) return undefined
    const known = fixed.get(path)
    if (known) return known
    const view = await readTrustView(platform)
    if (path === '/trust') {
      return { status: 200, type: 'text/html; charset=utf-8', body: renderTrustPage(view, addresses) }
    }
    return path === '/trust.json' ? json(view) : file(path, view)
  }
}

function file(path: string, { root, server, people, fleets }: TrustView): Reply | undefined {
  const cas = [
    { name: 'root', view: root },
    { name: 'server-ca', view: server },
    { name: 'people-ca', view: people },
    // A folder of their own: a fleet may be called root.
    ...fleets.map(({ fleet, authority }) => ({ name: `fleets/${fleet}`, view: authority })),
  ]
  const view = cas.find(({ name }) => path === `/trust/${name}.pem`)?.view
  if (view) return { status: 200, type: 'application/x-pem-file', body: view.certificate }
  const charter = fleets.find(({ fleet }) => path === `/trust/fleets/${fleet}.charter`)?.charter
  if (charter === undefined) return undefined
  return { status: 200, type: 'application/cose', body: Buffer.from(charter.statement, 'base64url') }
}

const readAsset = (name: string): Uint8Array => readFileSync(new URL(name, import.meta.url))
