// Prisma's schema engine as WebAssembly, for the development command alone: the native one would have to be downloaded.
// Each of the patches below answers a defect of that pairing; `npm run migration` shows at once when one is no longer needed.
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'

const CHAR_OID = 18
const TEXT_OID = 25
const FILTERS = { externalTables: [], externalEnums: [] }

/** PostgreSQL's internal "char" stands in the catalogue, and the adapter refuses it: hand it over as text, then name its type. */
function acceptChar(adapter) {
  let oids = []
  const performIO = adapter.performIO.bind(adapter)
  adapter.performIO = async (query) => {
    const result = await performIO(query)
    oids = (result.fields ?? []).map((f) => f.dataTypeID)
    for (const field of result.fields ?? []) if (field.dataTypeID === CHAR_OID) field.dataTypeID = TEXT_OID
    return result
  }
  const queryRaw = adapter.queryRaw.bind(adapter)
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query)
    for (const [i, oid] of oids.entries()) if (oid === CHAR_OID) result.columnTypes[i] = ColumnTypeEnum.Character
    return result
  }
  return adapter
}

/** Host and database apart, never as one address: given an address, the adapter's shadow database would be the real one. */
function apart(url) {
  const u = new URL(url)
  return {
    host: u.searchParams.get('host') ?? u.hostname,
    port: Number(u.searchParams.get('port') ?? (u.port || 5432)),
    user: decodeURIComponent(u.username) || 'postgres',
    password: decodeURIComponent(u.password),
    database: u.pathname.slice(1),
  }
}

function factoryFor(config) {
  const admin = async (sql) => {
    const db = new pg.Client(config)
    await db.connect()
    try {
      await db.query(sql)
    } finally {
      await db.end()
    }
  }
  const factory = new PrismaPg(config)
  const connect = factory.connect.bind(factory)
  factory.connect = async () => acceptChar(await connect())
  factory.connectToShadowDb = async () => {
    const name = `shadow_${randomUUID()}`
    await admin(`CREATE DATABASE "${name}"`)
    const adapter = acceptChar(await new PrismaPg({ ...config, database: name }).connect())
    // The adapter cuts a script at every semicolon, also inside a function's body or a comment.
    adapter.executeScript = async (script) => void (await adapter.client.query(script))
    const dispose = adapter.dispose.bind(adapter)
    adapter.dispose = async () => {
      // The adapter drops the database before its own pool is closed: close first, whatever it says, then drop.
      await dispose().catch(() => {})
      await admin(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
    }
    return adapter
  }
  return bindMigrationAwareSqlAdapterFactory(factory)
}

/** The engine on the database at `url`, with the schema file's text. */
export async function openEngine(url, schema) {
  const require = createRequire(import.meta.url)
  const wasm = path.join(path.dirname(require.resolve('@prisma/schema-engine-wasm')), 'schema_engine_bg.wasm')
  // The package's own entry point cannot be imported in Node.
  const instance = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(wasm)), {
    './schema_engine_bg.js': bindings,
  })
  bindings.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  return await bindings.SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, factoryFor(apart(url)))
}

/** The SQL that leads from the migrations in `dir` to `schema`, or null when they agree. */
export async function difference(engine, dir, schema) {
  const result = await engine.diff({
    from: { tag: 'migrations', ...migrationsIn(dir) },
    to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: schema }] },
    script: true,
    exitCode: true,
    shadowDatabaseUrl: null,
    filters: FILTERS,
  })
  return result.exitCode === 2 ? result.stdout : null
}

function migrationsIn(dir) {
  const lock = path.join(dir, 'migration_lock.toml')
  const names = fs.readdirSync(dir, { withFileTypes: true }).flatMap((d) => (d.isDirectory() ? [d.name] : []))
  return {
    baseDir: path.resolve(dir),
    lockfile: { path: 'migration_lock.toml', content: fs.readFileSync(lock, 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: names.sort().map((name) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok', value: fs.readFileSync(path.join(dir, name, 'migration.sql'), 'utf8') },
      },
    })),
  }
}
