export { adviceOn } from './advice.ts'
export { type Code, codes, hintOf } from './codes.ts'
export { Refused } from './refused.ts'
