export { adviceOn, type Code, hintOf, Refused } from '@mintmark/core/errors'
