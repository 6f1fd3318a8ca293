export { type HttpRegistryOptions, HttpTrustRegistry } from './http.ts'
export type { Fetch } from './http-platform.ts'
