// What web and worker are started with: a database role, a user of the system and an environment of their own. Neither is given
// what the other holds.
import type { ForkOptions } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { migrate } from '../prisma/migrate'
import { Outage } from '../prisma/outage'
import { ensurePostgres, type Postgres } from '../prisma/postgres'
import { provisionRoles, type RoleUrls } from '../prisma/roles'
import { closeKeys, ensureKeys, instanceId } from '../prisma/seal'
import { supervise } from '../prisma/supervise'
import { untilReachable } from '../prisma/until-reachable'
import { webEnvironment, workerEnvironment } from './environment'
import { type WebUser, webUser } from './web-user'

export interface Program {
  script: string
  arguments: string[]
  options: ForkOptions
}
export type Name = 'web' | 'worker'

export interface Ground {
  user: WebUser
  urls: RoleUrls
  /** Stops the database that Shiplock brings along; where it was given one there is nothing to stop. */
  stopDatabase(): Promise<void>
  /** What is not separated, and what to do: a sentence each. */
  warnings: string[]
}

/** About ten seconds. */
const MOST_STARTS = 6

type Variables = Readonly<Record<string, string | undefined>>

/** Keys, database, migrations and roles, in the state that both processes find them in. Safe over what earlier versions left. */
export async function prepare(root: string, state: string, env: Variables, dev: boolean): Promise<Ground> {
  const keys = join(state, 'keys')
  mkdirSync(state, { recursive: true, mode: 0o755 })
  await ensureKeys(keys)
  const user = dev ? oneUser : webUser(root, state)
  closeState(state, user)
  const options = { dir: join(state, 'postgres') }
  const embedded = env.DATABASE_URL ? null : await startedAtLast(options)
  const supervisor = embedded === null ? null : supervise(embedded, options)
  const owner = env.DATABASE_URL || (embedded?.url ?? '')
  const given = { webUrl: env.WEB_DATABASE_URL || undefined, workerUrl: env.WORKER_DATABASE_URL || undefined }
  const roles = await untilReachable(async () => {
    const applied = await migrate(owner)
    if (applied.length > 0) console.log(`applied ${applied.length} migration(s)`)
    return provisionRoles(owner, instanceId(keys), given)
  })
  const one = 'why' in roles
  return {
    user,
    urls: one ? { webUrl: owner, workerUrl: owner } : roles,
    stopDatabase: async () => {
      await supervisor?.stop()
      await embedded?.stop()
    },
    warnings: [user.because, one ? oneRole(roles.why) : null].filter((warning) => warning !== null),
  }
}

/** A server that was killed while it started, or had no room for a moment, is tried a few times before a person is told. */
async function startedAtLast(options: { dir: string }): Promise<Postgres> {
  const outage = new Outage('The embedded database')
  for (let tries = 1; ; tries++) {
    try {
      const postgres = await ensurePostgres(options)
      outage.back()
      return postgres
    } catch (error) {
      if (tries === MOST_STARTS || !/could not (start|make its database)/.test((error as Error).message)) throw error
      outage.lost(error)
      await outage.pause()
    }
  }
}

const oneUser: WebUser = {
  user: null,
  because:
    '`npm run dev` runs web and worker as one user, so that pages can be made anew: for trying, not for production.',
}

const oneRole = (why: string) =>
  `Web and worker share one role of the database, because ${why}. Until then whoever takes the web process over can change the trail, and only its signed checkpoints would show it.`

/** What the worker keeps outside the database is for it alone; of the keys, each process can read its own. */
function closeState(state: string, { user }: WebUser) {
  closeKeys(join(state, 'keys'), user)
  for (const name of ['trail', 'cache']) {
    const folder = join(state, name)
    if (existsSync(folder)) chmodSync(folder, 0o700)
  }
  if (user === null) return
  // The folder for temporary files that we were given need not be open to another user.
  const own = join(state, WEB_FILES)
  mkdirSync(own, { recursive: true, mode: 0o700 })
  chownSync(own, user.uid, user.gid)
}

const WEB_FILES = 'web'

/** @param settings what both are told, beside their database */
export function programs(
  { user, urls }: Ground,
  env: Variables,
  settings: Variables,
  webArguments: string[],
): Record<Name, Program> {
  const told = (own: Variables, url: string) =>
    Object.assign({} as NodeJS.ProcessEnv, own, settings, { DATABASE_URL: url })
  const web = told(webEnvironment(env), urls.webUrl)
  return {
    web: {
      script: 'app/_server/main.ts',
      arguments: webArguments,
      options:
        user.user === null
          ? { env: web, stdio: 'inherit' }
          : asUser(user.user, { ...web, TMPDIR: join(settings.SHIPLOCK_STATE ?? '', WEB_FILES) }),
    },
    worker: {
      script: 'worker/main.ts',
      arguments: [],
      options: { env: told(workerEnvironment(env), urls.workerUrl), stdio: 'inherit' },
    },
  }
}

/** Where the numbers are not ours, the system takes the supplementary groups away as well: docker's, for one. */
const asUser = ({ uid, gid }: { uid: number; gid: number }, env: NodeJS.ProcessEnv): ForkOptions => ({
  uid,
  gid,
  env: { ...env, HOME: '/nonexistent' },
  // Neither our terminal nor our session: it hears nothing of what is typed here, and can type nothing.
  stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  detached: true,
})
