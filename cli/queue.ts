// shiplock resume-queue: Shiplock never pauses its queue, but tools for BullMQ can.
import { instanceId } from '../prisma/seal'
import { LANES } from '../worker/jobs'
import { type DoorbellOptions, openDoorbell } from '../worker/queue'
import { keysDir, withRecord } from './opened'

export async function resumeQueue(env: NodeJS.ProcessEnv): Promise<string> {
  const instance = instanceId(keysDir(env))
  // A queue on Redis needs no database, which may be embedded and stopped.
  const resumed = env.REDIS_URL
    ? await resume({ instance, databaseUrl: '', redisUrl: env.REDIS_URL })
    : await withRecord(env, (_, databaseUrl) => resume({ instance, databaseUrl }))
  return resumed.length === 0 ? 'The queue is not paused.' : `Work is taken up again: ${resumed.join(', ')}.`
}

async function resume(options: DoorbellOptions) {
  const doorbell = openDoorbell(options)
  try {
    return await doorbell.resume(LANES)
  } finally {
    await doorbell.close()
  }
}
