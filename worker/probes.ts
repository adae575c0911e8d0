// What a worker sees of each part of the installation. Each asks the thing itself, and says what it found.
import { randomUUID } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PRIVATE } from '../audit/keys'
import { differenceOf } from '../audit/known'
import type { EnvironmentPolicy } from '../environments/environment'
import { whyUnreachable } from '../environments/reach'
import type { Context } from '../pipelines/context'
import { fails, type PartName, type Seen, WORKS } from '../pipelines/part'
import { shortOfRoom } from '../pipelines/room'
import { databaseClock, MOST_OFF_MS } from '../prisma/clock'
import { readMigrations } from '../prisma/migrate'
import { stateDir } from '../prisma/postgres'
import { watchTrail } from './checkpoint'
import type { Movement } from './movement'
import type { Doorbell } from './queue'

export interface Probe {
  part: PartName
  everyMs: number
  look(): Promise<Seen>
  /** What it means when it does not answer in time. */
  late: Seen
}

/** Forges and targets that are asked at a time: more than these, and some are asked in the next round. */
const MOST_ASKED = 50
const FORGE_MS = 4_000
/** A queue that works answers within this, unless it is busy. */
const ANSWERS_MS = 3_000
/** The oldest unsigned entry may be so old; usually it is a minute at most. */
const UNSIGNED_S = 180

export function probes(context: Context, doorbell: Doorbell, movement: Movement): Probe[] {
  const { record, engine } = context
  return [
    { part: 'queue', everyMs: 2_000, look: () => queue(doorbell, movement), late: fails('down', 'queue.silent') },
    {
      part: 'engine',
      everyMs: 3_000,
      look: () => engine.ensureReady().then(() => WORKS, silent('engine.silent')),
      late: fails('down', 'engine.silent', { message: '' }),
    },
    {
      part: 'targets',
      everyMs: 3_000,
      look: () => targets(context),
      late: fails('degraded', 'targets.silent', { names: '' }),
    },
    {
      part: 'forges',
      everyMs: 3_000,
      look: () => forges(context),
      late: fails('degraded', 'forges.silent', { forges: '' }),
    },
    {
      part: 'trail',
      everyMs: 2_000,
      look: () => trail(context),
      late: fails('degraded', 'trail.unsigned', { seconds: 0 }),
    },
    {
      part: 'disk',
      everyMs: 2_000,
      look: async () => (await shortOfRoom(context)) ?? WORKS,
      late: fails('degraded', 'disk.low', {
        folder: context.cache,
        free: 0,
        floor: 0,
        because: 'the disk does not answer',
      }),
    },
    { part: 'clock', everyMs: 2_000, look: () => clock(context), late: fails('degraded', 'clock.off', { seconds: 0 }) },
    {
      part: 'state',
      everyMs: 2_000,
      look: () => state(context),
      late: fails('degraded', 'state.closed', { folder: context.keys }),
    },
    {
      part: 'workers',
      everyMs: 10_000,
      look: async () => ({ ...WORKS, params: { instance: context.instance } }),
      late: WORKS,
    },
  ]
  function silent(code: 'engine.silent') {
    return (error: Error) => fails('down', code, { message: error.message.slice(0, 500) })
  }
  async function clock({ worker }: Context): Promise<Seen> {
    const before = Date.now()
    const database = await databaseClock(record.pool)
    const off = (before + Date.now()) / 2 - database.getTime()
    return Math.abs(off) > MOST_OFF_MS
      ? fails('degraded', 'clock.off', { seconds: Math.round(off / 1000), who: worker })
      : WORKS
  }
}

async function queue(doorbell: Doorbell, movement: Movement): Promise<Seen> {
  if (doorbell.away) return fails('down', 'queue.silent')
  const asked = doorbell.paused().catch(() => null) // said by the queue itself on stderr
  const paused = await Promise.race([asked, sleep(ANSWERS_MS, 'late' as const, { ref: false })])
  // Its few connections may all be in use for the very work that is asked about.
  if (paused === 'late' && movement.moves()) return WORKS
  if (paused === null || paused === 'late') return fails('down', 'queue.silent')
  if (paused.length > 0) return fails('degraded', 'queue.paused', { lanes: paused.join(', ') })
  const [stuck] = movement.stuck()
  return stuck === undefined ? WORKS : fails('degraded', 'queue.stuck', { ...stuck })
}

async function targets({ record }: Context): Promise<Seen> {
  const { rows } = await record.pool.query<{ target: EnvironmentPolicy['target']; names: string[] }>(
    `SELECT e.policy->'target' AS target, (array_agg(DISTINCT e.name))[1:5] AS names FROM "Environment" e
     WHERE e."removedAt" IS NULL AND e.policy->'target'->>'kind' IS NOT NULL GROUP BY e.policy->'target' LIMIT ${MOST_ASKED}`,
  )
  const seen = await Promise.all(
    rows.map(async ({ target, names }) => ({ names, because: await whyUnreachable(target) })),
  )
  const silent = seen.filter(({ because }) => because !== null)
  if (silent.length === 0) return WORKS
  const names = [...new Set(silent.flatMap((one) => one.names))].slice(0, 10).join(', ')
  return fails(silent.length === seen.length ? 'down' : 'degraded', 'targets.silent', {
    names,
    message: silent[0]?.because?.slice(0, 500) ?? '',
  })
}

/** What answers without a token, and counts against no limit. Any answer that is no fault of the forge's will do. */
const ASKED_AT: Record<string, (url: string) => string> = {
  gitlab: (url) => `${url}/api/v4/version`,
  github: (url) => (url === 'https://github.com' ? 'https://api.github.com/rate_limit' : `${url}/api/v3/rate_limit`),
}

async function forges({ record }: Context): Promise<Seen> {
  const { rows } = await record.pool.query<{ forge: string; url: string }>(
    `SELECT DISTINCT forge, "forgeUrl" AS url FROM "Project" ORDER BY 2 LIMIT ${MOST_ASKED}`,
  )
  const seen = await Promise.all(rows.map(async ({ forge, url }) => ({ url, is: await askForge(forge, url) })))
  const bad = seen.filter(({ is }) => is !== 'answers')
  if (bad.length === 0) return WORKS
  const code = bad.some(({ is }) => is === 'silent') ? 'forges.silent' : 'forges.failing'
  const named = bad
    .map(({ url }) => url)
    .slice(0, 10)
    .join(', ')
  return fails(bad.length === seen.length ? 'down' : 'degraded', code, { forges: named })
}

async function askForge(forge: string, url: string): Promise<'answers' | 'failing' | 'silent'> {
  const at = ASKED_AT[forge]
  if (at === undefined) return 'answers'
  try {
    const answer = await fetch(at(url.replace(/\/+$/, '')), {
      redirect: 'manual',
      signal: AbortSignal.timeout(FORGE_MS),
      headers: { 'user-agent': 'shiplock' },
    })
    await answer.body?.cancel()
    return answer.status >= 500 ? 'failing' : 'answers'
  } catch {
    return 'silent' // refused, late, or no such name: for who waits it is the same
  }
}

/** The folder that a command has to be told, null where it finds it by itself. */
const ownState = (state: string) => (state === stateDir({ ...process.env, SHIPLOCK_STATE: undefined }) ? null : state)

async function trail(context: Context): Promise<Seen> {
  const ask = (text: string, values: unknown[]) => context.record.pool.query(text, values)
  const memory = memoryId(context.trail)
  const refusal = await watchTrail(context)
  if (refusal !== null)
    return fails('down', 'trail.other', {
      because: refusal.because,
      what: refusal.what,
      memory,
      worker: context.worker,
      state: ownState(dirname(context.trail)),
      difference: await differenceOf(ask, context.trail),
    })
  const { rows } = await context.record.pool.query<{ seconds: number }>(
    `SELECT extract(epoch FROM clock_timestamp() - e.at)::int AS seconds FROM "AuditLeaf" l JOIN "AuditEntry" e ON e.id = l."entryId"
     WHERE l.seq = COALESCE((SELECT size FROM "Checkpoint" ORDER BY size DESC LIMIT 1), 0)`,
  )
  const seconds = rows[0]?.seconds ?? 0
  return seconds > UNSIGNED_S
    ? fails('degraded', 'trail.unsigned', { seconds, memory })
    : { ...WORKS, params: { memory } }
}

/** Which memory this is: workers that share a folder, and a worker that was restarted, have the same. */
function memoryId(dir: string): string {
  const file = join(dir, 'memory-id')
  if (!existsSync(file)) {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    writeFileSync(file, `${randomUUID()}\n`, { mode: 0o600 })
  }
  return readFileSync(file, 'utf8').trim()
}

async function state({ record, keys }: Context): Promise<Seen> {
  for (const name of ['worker.key', 'intake.key', PRIVATE]) {
    const file = join(keys, name)
    try {
      accessSync(file, constants.R_OK)
    } catch {
      return fails('down', 'state.keys', { file: name }) // missing, or not this user's: nothing can be opened with it
    }
  }
  const { rows } = await record.pool.query<{ name: string }>(
    'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  )
  const ours = readMigrations().map(({ name }) => name)
  const theirs = rows.map(({ name }) => name)
  const differs = [...ours.filter((n) => !theirs.includes(n)), ...theirs.filter((n) => !ours.includes(n))]
  return differs.length === 0 ? WORKS : fails('degraded', 'state.schema', { names: differs.slice(0, 5).join(', ') })
}
