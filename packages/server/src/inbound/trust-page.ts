import type { TrustView } from '../operations/trust.ts'

export function renderTrustPage(view: TrustView): string {
  return `<!doctype html><title>${view.domain}</title>`
}
