// The composition root of the web process.
import { startingEnvironments } from '../../environments/starting'
import { openRecord } from '../../prisma/client'
import { lossOf, whyWrongAddress } from '../../prisma/database-loss'
import { migrate } from '../../prisma/migrate'
import { whyNotSeparated } from '../../prisma/roles'
import { ensureKeys } from '../../prisma/seal'
import { untilReachable } from '../../prisma/until-reachable'
import { ensureFirstAdmin, generatedPassword } from './accounts'
import { readConfig, type WebConfig } from './config'
import { addMissingEnvironments } from './environments'
import { startWeb } from './server'

const dev = process.argv.includes('--dev')
// Whoever read our output may be gone before us: without this, telling so would fail too, and so on for ever.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
// Before Next and React are loaded: they look at it once.
Object.assign(process.env, { NODE_ENV: dev ? 'development' : 'production', NEXT_TELEMETRY_DISABLED: '1' })

/** People and forges wait for no statement longer than this. */
const STATEMENT_MS = 15_000
/** The exit code of a lost database: cli/up.ts starts the process again and does not count a crash. */
const DATABASE_AWAY = 75

async function main(config: WebConfig) {
  let stop = async () => process.exit(0)
  let stopping = false
  const stopOrDie = () => {
    if (stopping) return
    stopping = true
    stop().catch((error: unknown) => {
      console.error('the web process did not stop cleanly:', error)
      process.exit(1)
    })
  }
  // Before anything is waited for: a database that is not there yet must not keep it.
  process.on('SIGTERM', stopOrDie)
  process.on('SIGINT', stopOrDie)
  // Whoever started it has died: a server that nobody can stop must not stay behind.
  process.on('disconnect', stopOrDie)

  const environments = startingEnvironments()
  // Alone, without `npm start` before it, it finds or makes what it needs; several at once are safe.
  await ensureKeys(config.keys)
  // One listens.
  const record = openRecord(config.databaseUrl, {
    max: config.databasePool - 1,
    name: 'shiplock web',
    statementMs: STATEMENT_MS,
  })
  const random = generatedPassword()
  const first = await untilReachable(async () => {
    await migrate(config.databaseUrl)
    // `npm start` has said so itself.
    const why = process.send === undefined ? await whyNotSeparated(record) : null
    if (why !== null) console.warn(why)
    await addMissingEnvironments(record, environments)
    return ensureFirstAdmin(record, config.adminPassword, random)
  })
  if (first) console.log(`first account: ${first.name}, password: ${first.password} (shown this once)`)
  const web = await untilReachable(() =>
    startWeb({
      ...config,
      record,
      environments,
      pages: process.argv.includes('--no-pages') ? false : { dev },
    }),
  )
  stop = async () => {
    await web.close()
    await record.close()
    process.exit(0)
  }
  console.log(`ready ${web.url}`)
  process.send?.({ ready: web.url })
}

const read = readConfig(process.env)
if ('problems' in read) {
  console.error('The web process cannot start. Its configuration has problems:')
  for (const problem of read.problems) console.error(`  ${problem}`)
  process.exit(2)
}
main(read.config).catch((error: unknown) => {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE' || code === 'EACCES') {
    const what = code === 'EADDRINUSE' ? 'is taken by another program' : 'may not be listened on by this user'
    console.error(`The web process cannot start: port ${read.config.port} ${what}. Set PORT to another one.`)
    process.exit(2)
  }
  const wrong = whyWrongAddress(error)
  console.error('The web process cannot start:', wrong ?? error)
  if (wrong !== null) process.exit(2)
  process.exit(lossOf(error) === null ? 1 : DATABASE_AWAY)
})
