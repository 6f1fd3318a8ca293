export { adviceOn } from './advice.ts'
export { type Code, codes } from './codes.ts'
export { Refused } from './refused.ts'
