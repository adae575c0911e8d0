// One PostgreSQL for the whole test run, with a migrated template database to clone from.
import fs from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { cleanLeftovers, makeFolder } from '../demo/leftovers'
import { migrate } from '../prisma/migrate'
import { ensurePostgres } from '../prisma/postgres'

export const TEMPLATE = 'shiplock_template'

declare module 'vitest' {
  interface ProvidedContext {
    /** The test run's server; its database "shiplock" is empty. */
    postgresUrl: string
  }
}

interface Shared {
  url: string
  stop(): Promise<void>
}

// Vitest loads this file once for each project: what they share hangs on the process.
const shared = globalThis as { shiplockTest?: { server: Promise<Shared>; users: number } }

export default async function setup(project: TestProject) {
  shared.shiplockTest ??= { server: boot(), users: 0 }
  const mine = shared.shiplockTest
  mine.users += 1
  project.provide('postgresUrl', (await mine.server).url)
  return async () => {
    mine.users -= 1
    if (mine.users > 0) return
    delete shared.shiplockTest
    await (await mine.server).stop()
  }
}

async function boot(): Promise<Shared> {
  for (const prefix of ['shiplock-test-', 'shiplock-flow-']) await cleanLeftovers(prefix, 'vitest')
  const home = makeFolder('shiplock-test-')
  // fsync off: a test's data need not outlive the machine, and it is twice as fast.
  const postgres = await ensurePostgres({
    dir: path.join(home, 'pg'),
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '200' },
  })
  const stop = async () => {
    await postgres.stop()
    fs.rmSync(home, { recursive: true, force: true })
  }
  try {
    const db = new pg.Client({ connectionString: postgres.url })
    await db.connect()
    await db.query(`CREATE DATABASE ${TEMPLATE}`)
    await db.end()
    const template = new URL(postgres.url)
    template.pathname = `/${TEMPLATE}`
    await migrate(template.href)
  } catch (error) {
    await stop()
    throw error
  }
  return { url: postgres.url, stop }
}
