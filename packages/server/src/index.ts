export { found, requestFounding } from './operations/found.ts'
export { dataFiles, openData, type Running, type StartOptions, startPlatform } from './start.ts'
