// For developers: `npm run migration new NAME` writes the migration that the schema needs, `npm run migration drift` fails when
// the migrations and the schema disagree, `npm run migration again NAME` rewrites a migration that no release has carried yet.
// Runs on a throw-away database of its own. Start with `node --import tsx`.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensurePostgres } from '../prisma/postgres.ts'
import { difference, openEngine } from './schema-engine.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const dir = path.join(root, 'prisma/migrations')
const [verb, name] = process.argv.slice(2)

/** The SQL from the migrations in `from` to the schema, or null. */
async function sqlFrom(from) {
  const schema = fs.readFileSync(path.join(root, 'prisma/schema.prisma'), 'utf8')
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'shiplock-schema-'))
  fs.chmodSync(home, 0o755)
  const postgres = await ensurePostgres({ dir: path.join(home, 'pg'), settings: { fsync: 'off' } })
  try {
    const engine = await openEngine(postgres.url, schema)
    return await difference(engine, from, schema)
  } finally {
    await postgres.stop()
    fs.rmSync(home, { recursive: true, force: true })
  }
}

function write(folder, sql) {
  const file = path.join(dir, folder, 'migration.sql')
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, sql)
  console.log(`wrote ${path.relative(root, file)}: read it before you commit it`)
}

async function make() {
  if (!/^[a-z][a-z0-9_]*$/.test(name ?? ''))
    throw new Error('npm run migration new NAME, where NAME is of a-z, 0-9 and _')
  const sql = await sqlFrom(dir)
  if (sql === null) return console.log('the migrations already lead to the schema: nothing to write')
  write(`${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}_${name}`, sql)
}

/** Takes the named migration's own place in the order: those before it are its ground, those after it are not looked at. */
async function again() {
  const folder = fs.readdirSync(dir).find((d) => d === name || d.slice(15) === name)
  if (!folder) throw new Error(`no migration is called ${name}`)
  const before = fs.mkdtempSync(path.join(os.tmpdir(), 'shiplock-before-'))
  try {
    for (const entry of fs.readdirSync(dir)) {
      if (entry < folder || entry === 'migration_lock.toml')
        fs.cpSync(path.join(dir, entry), path.join(before, entry), { recursive: true })
    }
    const sql = await sqlFrom(before)
    if (sql === null) throw new Error(`without ${folder} the migrations already lead to the schema: remove its folder`)
    write(folder, sql)
  } finally {
    fs.rmSync(before, { recursive: true, force: true })
  }
}

async function drift() {
  const sql = await sqlFrom(dir)
  if (sql === null) return console.log('the migrations lead to the schema')
  console.error(
    `the migrations do not lead to the schema; this is missing (npm run migration new NAME writes it):\n\n${sql}`,
  )
  process.exitCode = 1
}

const verbs = { new: make, again, drift }
try {
  if (!verbs[verb]) throw new Error('npm run migration new NAME | again NAME | drift')
  await verbs[verb]()
} catch (error) {
  console.error((error instanceof Error ? error.message : String(error)).slice(0, 2_000)) // the engine's own run to pages
  process.exitCode = 1
}
