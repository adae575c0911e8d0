import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { FLOOR_MB } from '../pipelines/room'
import { stateDir } from '../prisma/postgres'
import { databaseUrl, oneOf, sentences, setOf, whole } from '../prisma/settings'

/** What a worker is configured with, from its environment variables. */
const Environment = z.object({
  DATABASE_URL: databaseUrl.describe('The record. `npm start` sets it to its embedded PostgreSQL where it is unset'),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')
    .optional()
    .describe('Queue on Redis; unset: in the same PostgreSQL'),
  SHIPLOCK_STATE: z
    .string()
    .min(1)
    .optional()
    .describe('Folder of keys, fetched repositories, and the embedded database'),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http or https address, such as https://shiplock.example.com' })
    .default('http://localhost:8080')
    .transform((u) => u.replace(/\/+$/, ''))
    .describe('How browsers and the forge reach the dashboard'),
  WORKER_NAME: z
    .string()
    .regex(/^[\w.-]{1,60}$/, 'must be at most 60 letters, digits, ".", "_" and "-"')
    .default(`${hostname()}-${process.pid}`.replace(/[^\w.-]/g, '-'))
    .describe('How the trail names this worker'),
  WORKER_LANES: whole(1, 64).default(2).describe('How many stages it runs at once'),
  WORKER_CONNECTIONS: whole(4, 100)
    .default(8)
    .describe('Most connections to the database, those of the queue included'),
  SHIPLOCK_BASE_IMAGES: z
    .string()
    .default('')
    .transform((text, context) => {
      const pairs = text
        .split(',')
        .filter((p) => p !== '')
        .map((p) => p.split('='))
      if (pairs.some((p) => p.length !== 2 || !p[0] || !p[1]))
        context.addIssue({ code: 'custom', message: 'must look like node=registry.example.com/node:22,static=…' })
      return Object.fromEntries(pairs.map(([k, v]) => [k ?? '', v ?? '']))
    })
    .describe("Images that replace the templates' public bases: `node=…,static=…`"),
  BUILD_LIMITS: oneOf(['told', 'required'])
    .default('told')
    .describe(
      "Where memory, processors, processes and disk of a build cannot be limited (the worker is not root on the engine's own machine): `told` says so on the stage, `required` builds nothing",
    ),
  DISK_FLOOR_MB: whole(0, 1_000_000)
    .default(FLOOR_MB)
    .describe('Free MiB of a disk below which no build and no deployment is begun; what waits says so'),
  DRAIN_SECONDS: whole(0, 3600)
    .default(30)
    .describe('After SIGTERM: how long the work in hand may take before another worker takes it up'),
})
export type WorkerConfig = z.infer<typeof Environment> & { keys: string; cache: string; trail: string }

/** The configuration, or every problem of it at once, one sentence each. */
export function readConfig(env: NodeJS.ProcessEnv): { config: WorkerConfig } | { problems: string[] } {
  const parsed = Environment.safeParse(setOf(env, Environment.shape))
  if (!parsed.success) return { problems: sentences(parsed.error) }
  const state = stateDir(env)
  return {
    config: { ...parsed.data, keys: join(state, 'keys'), cache: join(state, 'cache'), trail: join(state, 'trail') },
  }
}

/** One row per variable, for README. */
export function describeConfig(): { name: string; standard: string; what: string }[] {
  return Object.entries(Environment.shape).map(([name, field]) => {
    const standard = field.safeParse(undefined)
    const shown =
      standard.success && typeof standard.data !== 'object' && standard.data !== undefined && name !== 'WORKER_NAME'
        ? String(standard.data)
        : ''
    return { name, standard: shown, what: field.description ?? '' }
  })
}
