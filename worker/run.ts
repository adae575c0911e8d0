// One worker, from its configuration to its end. Waits for a database that is not there yet.
import { mkdirSync } from 'node:fs'
import { openSigner, openTrust } from '../audit/keys'
import { lookAgainAtPolicies } from '../environments/look-again'
import type { Context } from '../pipelines/context'
import type { Engine } from '../pipelines/engines/engine'
import { Leases } from '../pipelines/lease'
import { openRecord, type RecordHandle } from '../prisma/client'
import { Listener } from '../prisma/listener'
import { migrate } from '../prisma/migrate'
import { readOrigin } from '../prisma/origin'
import { ensureKeys, instanceId } from '../prisma/seal'
import { untilReachable } from '../prisma/until-reachable'
import type { WorkerConfig } from './config'
import { roomFor, shareOf } from './connections'
import { databaseReachable, openDoorbell } from './queue'
import { startWorker } from './worker'

/** Longer than this after the deadline nothing is waited for, such as a database that never answers. */
const LAST_MS = 10_000

export async function runWorker(config: WorkerConfig, engine: Engine) {
  let stop = async (_deadlineMs: number) => process.exit(0)
  let stopping = false
  const stopOrDie = (deadlineMs: number) => {
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(1), deadlineMs + LAST_MS).unref()
    stop(deadlineMs).catch((error: unknown) => {
      console.error('the worker did not stop cleanly:', error)
      process.exit(1)
    })
  }
  // Before anything is waited for: a database that is not there yet must not keep it.
  process.on('SIGTERM', () => stopOrDie(config.DRAIN_SECONDS * 1000))
  process.on('SIGINT', () => stopOrDie(config.DRAIN_SECONDS * 1000))
  // Its parent has died: what it holds is given back at once, and nothing is left running behind.
  process.on('disconnect', () => stopOrDie(0))

  mkdirSync(config.cache, { recursive: true, mode: 0o700 })
  mkdirSync(config.trail, { recursive: true, mode: 0o700 })
  // Alone, without `npm start` before it, it finds or makes what it needs; several at once are safe.
  await ensureKeys(config.keys)
  const instance = instanceId(config.keys)
  const share = shareOf(config.WORKER_CONNECTIONS, config.REDIS_URL !== undefined)
  const record = openRecord(config.DATABASE_URL, {
    max: share.record,
    name: `shiplock worker ${config.WORKER_NAME}`,
  })
  const database = databaseReachable(record.pool)
  const room = await untilReachable(async () => {
    await migrate(config.DATABASE_URL)
    await lookAgainAtPolicies(record)
    return roomOn(record, config.WORKER_CONNECTIONS)
  }, database.outage)
  const origin = await untilReachable(() => readOrigin(record), database.outage)
  const listener = new Listener(config.DATABASE_URL, `shiplock listener ${config.WORKER_NAME}`)
  const stopNow = new AbortController()
  const leases = new Leases(record)
  const context: Context = {
    record,
    instance,
    worker: config.WORKER_NAME,
    keys: config.keys,
    trail: config.trail,
    signer: openSigner(config.keys),
    trust: openTrust(config.keys, config.trail, origin, () => config.PUBLIC_URL),
    cache: config.cache,
    floorMb: config.DISK_FLOOR_MB,
    publicUrl: config.PUBLIC_URL,
    engine,
    bases: config.SHIPLOCK_BASE_IMAGES,
    leases,
    stopping: stopNow.signal,
  }
  const doorbell = openDoorbell({
    databaseUrl: config.DATABASE_URL,
    redisUrl: config.REDIS_URL,
    instance,
    connections: share.queue,
    listener,
    database,
  })
  const lanes = { quick: 8, stages: config.WORKER_LANES, deploys: 2, forge: 4 }
  const worker = await startWorker(context, doorbell, lanes, { listener, database })
  stop = async (deadlineMs) => {
    await worker.drain(deadlineMs, stopNow)
    leases.close()
    await doorbell.close()
    await listener.close()
    await record.close()
    process.exit(0)
  }
  console.log(`worker ${config.WORKER_NAME} answers, ${config.WORKER_LANES} lanes for stages; ${room}`)
  process.send?.({ ready: true })
}

/** What one web process takes where it is told nothing (DATABASE_POOL). */
const ONE_WEB = 10

/** A sentence for the person who adds workers. */
async function roomOn(record: RecordHandle, connections: number): Promise<string> {
  const { rows } = await record.pool.query<{ available: number }>(
    `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
       - COALESCE(current_setting('reserved_connections', true), '0')::int AS available`,
  )
  const available = rows[0]?.available ?? 0
  const workers = roomFor(available, ONE_WEB, connections)
  return `at most ${connections} of the database's ${available} connections, which are enough for ${workers} such worker(s) and one web process`
}
