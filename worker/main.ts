// The worker's composition root: the only place that knows which engine, queue and record there are.
import { mkdirSync } from 'node:fs'
import { openSigner, openTrust } from '../audit/keys'
import { lookAgainAtPolicies } from '../environments/look-again'
import type { Context } from '../pipelines/context'
import { dockerEngine } from '../pipelines/engines/docker'
import { Leases } from '../pipelines/lease'
import { openRecord } from '../prisma/client'
import { migrate } from '../prisma/migrate'
import { readOrigin } from '../prisma/origin'
import { ensureKeys, instanceId } from '../prisma/seal'
import { readConfig } from './config'
import { openDoorbell } from './queue'
import { startWorker } from './worker'

// Whoever read our output may be gone before us: without this, telling so would fail too, and so on for ever.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const read = readConfig(process.env)
if ('problems' in read) {
  console.error(`The worker cannot start; its configuration has ${read.problems.length} problem(s):`)
  for (const problem of read.problems) console.error(`  ${problem}`)
  process.exit(2)
}
const { config } = read
mkdirSync(config.cache, { recursive: true, mode: 0o700 })
mkdirSync(config.trail, { recursive: true, mode: 0o700 })
// Alone, without `npm start` before it, it finds or makes what it needs; several at once are safe.
await ensureKeys(config.keys)
await migrate(config.DATABASE_URL)
const instance = instanceId(config.keys)
const record = openRecord(config.DATABASE_URL, { max: 10, name: `shiplock worker ${config.WORKER_NAME}` })
const stopNow = new AbortController()
const leases = new Leases(record)
const context: Context = {
  record,
  instance,
  worker: config.WORKER_NAME,
  keys: config.keys,
  trail: config.trail,
  signer: openSigner(config.keys),
  trust: openTrust(config.keys, config.trail, await readOrigin(record), () => config.PUBLIC_URL),
  cache: config.cache,
  publicUrl: config.PUBLIC_URL,
  engine: dockerEngine({}, config.BUILD_LIMITS === 'required'),
  bases: config.SHIPLOCK_BASE_IMAGES,
  leases,
  stopping: stopNow.signal,
}
await lookAgainAtPolicies(record)
const doorbell = openDoorbell({ databaseUrl: config.DATABASE_URL, redisUrl: config.REDIS_URL, instance })
const worker = await startWorker(context, doorbell, { quick: 8, stages: config.WORKER_LANES, deploys: 2, forge: 4 })
console.log(`worker ${config.WORKER_NAME} answers, ${config.WORKER_LANES} lanes for stages`)
process.send?.({ ready: true })

let stopping = false
async function stop(deadlineMs: number) {
  if (stopping) return
  stopping = true
  await worker.drain(deadlineMs, stopNow)
  leases.close()
  await doorbell.close()
  await record.close()
  process.exit(0)
}
const stopOrDie = (deadlineMs: number) =>
  stop(deadlineMs).catch((error: unknown) => {
    console.error('the worker did not stop cleanly:', error)
    process.exit(1)
  })
process.on('SIGTERM', () => void stopOrDie(config.DRAIN_SECONDS * 1000))
process.on('SIGINT', () => void stopOrDie(config.DRAIN_SECONDS * 1000))
// Whoever started it has died: what it holds is given back at once, and nothing is left running behind.
process.on('disconnect', () => void stopOrDie(0))
