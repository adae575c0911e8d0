// What a command works on: the installation's folder, and its record, whether Shiplock runs or not.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { About } from '../audit/export'
import { readTrailKeys, relyingParty } from '../audit/keys'
import { openRecord, type RecordHandle } from '../prisma/client'
import { readOrigin } from '../prisma/origin'
import { ensurePostgres, stateDir } from '../prisma/postgres'
import { isSupervised } from '../prisma/supervise'

export const keysDir = (env: NodeJS.ProcessEnv) => env.SHIPLOCK_KEYS || join(stateDir(env), 'keys')

/** Opens DATABASE_URL, or the embedded database, which is started for as long as `work` takes where it does not run. */
export async function withRecord<T>(
  env: NodeJS.ProcessEnv,
  work: (record: RecordHandle, databaseUrl: string) => Promise<T>,
): Promise<T> {
  const dir = join(stateDir(env), 'postgres')
  // A command looks at what is there: it makes no installation.
  if (!env.DATABASE_URL && !existsSync(join(dir, 'data')))
    throw new Error(`there is no Shiplock in ${stateDir(env)}: set SHIPLOCK_STATE to its folder, or DATABASE_URL`)
  const embedded = env.DATABASE_URL ? null : await ensurePostgres({ dir })
  const url = env.DATABASE_URL || (embedded?.url ?? '')
  const record = openRecord(url, { max: 3, name: 'shiplock command' })
  try {
    return await work(record, url)
  } finally {
    await record.close()
    // Shiplock may have been starting it again at the same moment.
    if (embedded?.started && !isSupervised(dir)) await embedded.stop()
  }
}

export async function aboutOf(env: NodeJS.ProcessEnv, record: RecordHandle): Promise<About> {
  const publicUrl = env.PUBLIC_URL || `http://localhost:${env.PORT || 8080}`
  return {
    origin: await readOrigin(record),
    keys: readTrailKeys(keysDir(env)),
    webOrigins: [relyingParty(publicUrl).webOrigin],
  }
}
