export { type DidWebOptions, DidWebTrustRegistry } from './did-web/registry.ts'
