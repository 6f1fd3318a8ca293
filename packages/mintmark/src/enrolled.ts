import type { Enrolled } from '@mintmark/device'
import { lines, moment, type Outcome } from './print.ts'

/** What `enroll` and `renew` have to say. */
export function enrolledOutcome(verb: string, { notAfter, ...enrolled }: Enrolled): Outcome {
  const until = new Date(notAfter).toISOString()
  const facts = lines([
    ['did', enrolled.did],
    ['certificate', `${enrolled.certificate}, until ${moment(until)}`],
    ['key', 'software'],
  ])
  // The key is in a file of the home: nothing here drives another kind of key yet.
  return { json: { ...enrolled, key: 'software', notAfter: until }, text: `${verb} ${enrolled.identity}\n${facts}` }
}
