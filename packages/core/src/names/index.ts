export { coversName, readDomain, readFleetName, readName, readNamePattern } from './names.ts'
export { type FullName, path, type Role, readPath, readSpiffeId, spiffeId } from './spiffe.ts'
