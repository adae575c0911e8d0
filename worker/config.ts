import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { FLOOR_MB } from '../pipelines/room'
import { stateDir } from '../prisma/postgres'

/** What a worker is configured with, from its environment variables. */
const Environment = z.object({
  DATABASE_URL: z
    .string()
    .startsWith('postgres')
    .describe('The record. `npm start` sets it to its embedded PostgreSQL where it is unset'),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must start with redis:// or rediss://')
    .optional()
    .describe('Queue on Redis; unset: in the same PostgreSQL'),
  SHIPLOCK_STATE: z
    .string()
    .min(1)
    .optional()
    .describe('Folder of keys, fetched repositories, and the embedded database'),
  PUBLIC_URL: z
    .url()
    .default('http://localhost:8080')
    .transform((u) => u.replace(/\/+$/, ''))
    .describe('How browsers and the forge reach the dashboard'),
  WORKER_NAME: z
    .string()
    .regex(/^[\w.-]{1,60}$/)
    .default(`${hostname()}-${process.pid}`.replace(/[^\w.-]/g, '-'))
    .describe('How the trail names this worker'),
  WORKER_LANES: z.coerce.number().int().min(1).max(64).default(2).describe('How many stages it runs at once'),
  WORKER_CONNECTIONS: z.coerce
    .number()
    .int()
    .min(4)
    .max(100)
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
  BUILD_LIMITS: z
    .enum(['told', 'required'], 'must be told or required')
    .default('told')
    .describe(
      "Where memory, processors, processes and disk of a build cannot be limited (the worker is not root on the engine's own machine): `told` says so on the stage, `required` builds nothing",
    ),
  DISK_FLOOR_MB: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .default(FLOOR_MB)
    .describe('Free MiB of a disk below which no build and no deployment is begun; what waits says so'),
  DRAIN_SECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .max(3600)
    .default(30)
    .describe('After SIGTERM: how long the work in hand may take before another worker takes it up'),
})
export type WorkerConfig = z.infer<typeof Environment> & { keys: string; cache: string; trail: string }

/** The configuration, or every problem of it at once, one sentence each. */
export function readConfig(env: NodeJS.ProcessEnv): { config: WorkerConfig } | { problems: string[] } {
  const given = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => name in Environment.shape && value !== ''),
  )
  const parsed = Environment.safeParse(given)
  if (!parsed.success) return { problems: parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`) }
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
