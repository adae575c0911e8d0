import { defineConfig } from 'vitest/config'

/**
 * What touches a database or containers: two files at a time. Each has a database, a forge and an instance of its own, and most
 * of its time goes by waiting for containers.
 */
const real = (name: string, timeoutMs: number) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.{ts,tsx}`],
    globalSetup: ['test/global-setup.ts'],
    maxWorkers: 2,
    // The browser drops its requests when the engine changes the machine's networks: the pages come after the containers.
    sequence: { groupOrder: name === 'web' ? 2 : 1 },
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
  },
})

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic' } },
  test: {
    reporters: ['default', './test/plain-reporter.ts'],
    passWithNoTests: false,
    // A production value set in the shell must not steer a test.
    unstubEnvs: true,
    env: { NEXT_TELEMETRY_DISABLED: '1' },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.{ts,tsx}'],
          // They are pure: none leaves anything behind for the next, and loading the sources once takes half the time.
          isolate: false,
          testTimeout: 10_000,
          sequence: { groupOrder: 0 },
        },
      },
      real('contract', 60_000),
      real('flow', 60_000),
      real('web', 90_000),
    ],
  },
})
