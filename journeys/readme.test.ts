import { expect, test } from 'vitest'
import { fences, page } from '../packages/testing/test/pages.ts'
import { runPage } from '../packages/testing/test/run-page.ts'

// The README as a newcomer follows it: `npm start`, then every block in its order. Only the ports are others, so that
// it runs beside whatever else listens here, and the data directory: `npm start` is in the checkout.

const begin = `set -e -o pipefail
ln -s "$CHECKOUT/examples" examples
export MINTMARK_DATA="$PWD/mintmark-data"
(cd "$CHECKOUT" && npm start -- --port 8443 --console-port 8080 --log-level warn) > start.log 2>&1 &
for i in $(seq 900); do grep -qs 'Mintmark is ready' start.log && break; sleep 0.1; done
grep -qs 'Mintmark is ready' start.log || { cat start.log >&2; exit 1; }
`

test('the five-minute walk works as it is written', { timeout: 240_000 }, async () => {
  const readme = page('README.md')
  const [first] = fences(readme).filter(({ language }) => language === 'bash')
  expect(first?.body).toBe('npm start\n')
  const rest = { ...readme, text: readme.text.replace(/```bash\nnpm start\n```/, '') }
  const { steps, problems } = await runPage(rest, begin)
  expect(problems).toEqual([])
  expect(steps).toBeGreaterThan(7)
})
