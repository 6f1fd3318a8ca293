import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'journeys/**/*.test.ts', 'scripts/**/*.test.ts'],
    pool: 'forks',
    // It leaves the endings out where it imports its own files, which Node does not take.
    server: { deps: { inline: ['@ldclabs/cose-ts'] } },
    maxWorkers: 2,
    // Tests start real servers, browsers and tools on machines that may be busy; a limit only ends what hangs.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
