import type { TrustView } from '../../operations/trust.ts'
import { html } from './html.ts'

export const renderTrustPage = (view: TrustView): string => String(html`<!doctype html><title>${view.domain}</title>`)
