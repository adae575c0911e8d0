// Health through its own door: each part taken away, told within ten seconds, and gone within ten seconds after.
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createServer as createHttp, type Server } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Queue } from 'bullmq'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NAMED } from '../../app/_server/rest/shapes'
import { resumeQueue } from '../../cli/queue'
import { PARTS, type PartName } from '../../pipelines/part'
import { deafPort, endOf, eventually, Shiplock } from '../given'
import { aRedis, type Redis } from '../redis'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const WITHIN_MS = 10_000
const DOCKER = '/var/run/docker.sock'

/** The engine's socket, as a door that can be shut. */
async function engineDoor(path: string) {
  const open = new Set<Socket>()
  const start = () => {
    const server = createServer((client) => {
      const engine = connect(DOCKER)
      for (const [from, to] of [
        [client, engine],
        [engine, client],
      ] as const) {
        open.add(from)
        from.on('error', () => to.destroy()).on('close', () => open.delete(from))
        from.pipe(to)
      }
    })
    return new Promise<typeof server>((resolve) => server.listen(path, () => resolve(server)))
  }
  let server = await start()
  return {
    shut: () => {
      for (const socket of open) socket.destroy()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
    reopen: async () => {
      server = await start()
    },
  }
}

let shiplock: Shiplock
let redis: Redis
let folder: string
let engine: Awaited<ReturnType<typeof engineDoor>>
let worker: ChildProcess
const before = process.env.DOCKER_HOST

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'shiplock-health-'))
  engine = await engineDoor(join(folder, 'docker.sock'))
  process.env.DOCKER_HOST = `unix://${join(folder, 'docker.sock')}`
  redis = await aRedis()
  shiplock = await Shiplock.start({ worker: 'none', redisUrl: redis.url })
  shiplock.useWorkersApart()
})
afterAll(async () => {
  await shiplock?.close()
  await redis?.stop()
  await engine?.shut()
  if (before === undefined) delete process.env.DOCKER_HOST
  else process.env.DOCKER_HOST = before
  rmSync(folder, { recursive: true, force: true })
})

const health = async () => {
  const answer = await fetch(`${shiplock.web.url}/api/health`)
  return { http: answer.status, ...NAMED.Health.parse(await answer.json()) }
}
const inWhole = async () => NAMED.Health.parse(await shiplock.client.ask('GET', '/installation/health'))
const comes = async (part: PartName, state: string, code: string | null) => {
  let last: unknown
  return eventually(
    `${part} is ${state}${code === null ? '' : ` (${code})`}`,
    async () => {
      const now = await health()
      last = now.parts[part]
      return now.parts[part].state === state && (now.parts[part].because?.code ?? null) === code && now
    },
    WITHIN_MS,
  ).catch((error: Error) => {
    throw new Error(`${error.message}; it is ${JSON.stringify(last)}`)
  })
}
const isOk = () =>
  eventually('all is ok', async () => (await health()).status === 'ok', WITHIN_MS).catch(async (error: Error) => {
    throw new Error(`${error.message}; it is ${JSON.stringify(await inWhole())}`)
  })

describe('J9: health tells the truth', () => {
  it('J9: before there was a worker it is degraded, and says that nothing is built', async () => {
    const now = await health()
    expect(now).toMatchObject({ http: 200, status: 'degraded', database: true, worker: false })
    expect(now.parts.workers).toMatchObject({ state: 'down', because: { code: 'workers.none' } })
    expect(now.parts.engine).toMatchObject({ state: 'degraded', because: { code: 'unknown' } })
  })

  it('J9: with a worker every part is there and ok, and since when', async () => {
    worker = (await shiplock.startWorker()).process as ChildProcess
    await isOk()
    const now = await health()
    expect(Object.keys(now.parts).sort()).toEqual([...PARTS].sort())
    for (const name of PARTS) expect(now.parts[name], name).toMatchObject({ state: 'ok', because: null })
    expect(now).toMatchObject({ http: 200, status: 'ok', database: true, worker: true })
  })

  it('J9: Redis away is told within ten seconds, with since when, and is gone after it is back', async () => {
    const { port } = new URL(redis.url)
    await redis.stop()
    const down = await comes('queue', 'down', 'queue.silent')
    expect(down).toMatchObject({ http: 200, status: 'degraded' })
    const since = Date.parse(String(down.parts.queue.since))
    await comes('queue', 'down', 'queue.silent')
    expect(Date.parse(String((await health()).parts.queue.since))).toBe(since)
    redis = await aRedis(Number(port))
    await isOk()
  })

  it('J9: a queue that somebody has paused is told, and the lane is named', async () => {
    const queue = new Queue('shiplock-deploys', {
      connection: { url: redis.url },
      prefix: `shiplock-${shiplock.instance}`,
    })
    try {
      await queue.pause()
      await comes('queue', 'degraded', 'queue.paused')
      expect((await inWhole()).parts.queue.because?.params).toMatchObject({ lanes: 'deploys' })
      expect(
        await resumeQueue({ ...process.env, SHIPLOCK_KEYS: join(shiplock.dir, 'keys'), REDIS_URL: redis.url }),
      ).toBe('Work is taken up again: deploys.')
      await isOk()
    } finally {
      await queue.close()
    }
  })

  it('J9: an engine that does not answer is told to all, and where it is to those with a session alone', async () => {
    await engine.shut()
    const now = await comes('engine', 'down', 'engine.silent')
    expect(JSON.stringify(now)).not.toContain('docker.sock')
    expect(JSON.stringify((await inWhole()).parts.engine)).toContain('docker.sock')
    await engine.reopen()
    await isOk()
  })

  it('J9: a forge that accepts and never answers, and one that answers 503', async () => {
    const silent = createServer(() => {})
    const failing: Server = createHttp((_request, response) => response.writeHead(503).end())
    for (const server of [silent, failing]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const add = async (forge: string, url: string) => {
      await shiplock.record.pool.query(
        `INSERT INTO "Project" (forge, "forgeUrl", path, name, "tokenSealed", hook, "hookSealed", "createdBy", status)
         VALUES ($1, $2, 'team/far', 'far', '', $2, '', 'account:1', 'broken')`,
        [forge, url],
      )
    }
    const urlOf = (server: { address(): unknown }) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await add('gitlab', urlOf(silent))
    await comes('forges', 'down', 'forges.silent')
    await add('gitlab', shiplock.forge.url)
    const some = await comes('forges', 'degraded', 'forges.silent')
    expect(JSON.stringify(some)).not.toContain(urlOf(silent))
    expect((await inWhole()).parts.forges.because?.params).toMatchObject({ forges: urlOf(silent) })
    await shiplock.record.pool.query('DELETE FROM "Project" WHERE "forgeUrl" = $1', [urlOf(silent)])
    await isOk()
    await add('github', urlOf(failing))
    await comes('forges', 'degraded', 'forges.failing')
    await shiplock.record.pool.query('DELETE FROM "Project"')
    await isOk()
    silent.close()
    failing.close()
    failing.closeAllConnections()
  })

  it('J9: a target that does not answer is told, with its environment', async () => {
    const { rows } = await shiplock.record.pool.query<{ id: number }>(
      `INSERT INTO "Project" (forge, "forgeUrl", path, name, "tokenSealed", hook, "hookSealed", "createdBy", status)
       VALUES ('gitlab', $1, 'team/far', 'far', '', 'h', '', 'account:1', 'connected') RETURNING id`,
      [shiplock.forge.url],
    )
    const target = { kind: 'docker', host: `tcp://127.0.0.1:${await deafPort()}` }
    await shiplock.record.pool.query(
      `INSERT INTO "Environment" ("projectId", name, position, policy) VALUES ($1, 'far', 0, $2)`,
      [rows[0]?.id, JSON.stringify({ name: 'far', position: 0, start: 'automatic', target })],
    )
    await comes('targets', 'down', 'targets.silent')
    expect((await inWhole()).parts.targets.because?.params).toMatchObject({ names: 'far' })
    await shiplock.record.pool.query('DELETE FROM "Environment"')
    await shiplock.record.pool.query('DELETE FROM "Project"')
    await isOk()
  })

  it('J9: a worker that lives, and whose event loop hangs, is no worker', async () => {
    worker.kill('SIGSTOP')
    const now = await comes('workers', 'down', 'workers.silent')
    expect(now).toMatchObject({ status: 'degraded', worker: false })
    expect(now.parts.workers.since).not.toBeNull()
    worker.kill('SIGCONT')
    await isOk()
  })

  it.each(['trail.key', 'intake.key'])(
    'J9: the key %s is missing: nothing sealed can be opened, and health says which',
    async (name) => {
      const file = join(shiplock.dir, 'keys', name)
      renameSync(file, `${file}.away`)
      await comes('state', 'down', 'state.keys')
      expect((await inWhole()).parts.state.because?.params).toMatchObject({ file: name })
      renameSync(`${file}.away`, file)
      await isOk()
    },
  )

  it('J9: a database that a newer version has migrated is told', async () => {
    await shiplock.record.pool.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('x', 'x', '29990101000000_later', now())`,
    )
    await comes('state', 'degraded', 'state.schema')
    await shiplock.record.pool.query(`DELETE FROM _prisma_migrations WHERE id = 'x'`)
    await isOk()
  })

  it('J9: a worker of another installation on this database is told, and stops what could be deployed', async () => {
    const state = mkdtempSync(join(tmpdir(), 'shiplock-strange-'))
    const strange = fork(join(ROOT, 'worker/main.ts'), [], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: {
        ...process.env,
        DATABASE_URL: shiplock.database.url,
        REDIS_URL: redis.url,
        SHIPLOCK_STATE: state,
        WORKER_NAME: 'strange',
        DRAIN_SECONDS: '1',
      },
    })
    await new Promise<void>((resolve) => strange.once('message', () => resolve()))
    await comes('workers', 'degraded', 'workers.strange')
    await endOf(strange, 'SIGKILL')
    await eventually('it is one again', async () => (await health()).parts.workers.state === 'ok', 20_000)
    await shiplock.record.pool.query(`DELETE FROM "Part" WHERE worker = 'strange'`)
    await shiplock.record.pool.query(`DELETE FROM "Worker" WHERE id = 'strange'`)
    await isOk()
    rmSync(state, { recursive: true, force: true })
  })

  it('J9: a worker that is stopped leaves nothing ok behind', async () => {
    await endOf(worker, 'SIGTERM')
    await comes('workers', 'down', 'workers.none')
    expect((await health()).parts.engine.because?.code).toBe('unknown')
  })
})
