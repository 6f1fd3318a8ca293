import { benchEnroll } from './enroll.ts'
import { benchHandshake } from './handshake.ts'
import { leaveFirstCore } from './pinned.ts'

// `npm run bench`, or `npm run bench -- enroll`. Prints ratios between runs of the same minutes on the same machine;
// single figures say more about the machine than about us. Needs golang-cfssl for the comparison.

const benches: Readonly<Record<string, () => Promise<void>>> = { enroll: benchEnroll, handshake: benchHandshake }

leaveFirstCore()
const wanted = process.argv.slice(2)
for (const [name, bench] of Object.entries(benches)) if (wanted.length === 0 || wanted.includes(name)) await bench()
