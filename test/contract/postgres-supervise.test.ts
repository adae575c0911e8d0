// The embedded PostgreSQL is kept running, whatever ends it.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withConnection } from '../../prisma/connections'
import { isHeld } from '../../prisma/file-lock.mjs'
import { Outage } from '../../prisma/outage'
import { ensurePostgres, type Postgres } from '../../prisma/postgres'
import { isSupervised, type Supervisor, supervise } from '../../prisma/supervise'
import { eventually } from '../given'

describe('J2: the embedded PostgreSQL', () => {
  let home: string
  let dir: string
  let said: string[]
  let tries: number
  let server: Postgres
  const supervisors: Supervisor[] = []
  const options = () => ({ dir, settings: { fsync: 'off' } })
  const watch = () => {
    const outage = new Outage('The embedded database', (line) => said.push(line))
    const lost = outage.lost.bind(outage)
    outage.lost = (error) => {
      tries += 1
      lost(error)
    }
    const supervisor = supervise(server, options(), outage)
    supervisors.push(supervisor)
    return supervisor
  }
  beforeEach(async () => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), 'shiplock-pg-'))
    fs.chmodSync(home, 0o755)
    dir = path.join(home, 'pg')
    said = []
    tries = 0
    server = await ensurePostgres(options())
    await ask('CREATE TABLE kept AS SELECT 7 AS n')
  })
  afterEach(async () => {
    for (const pid of pids()) kill(pid, 'SIGCONT')
    for (const supervisor of supervisors.splice(0)) await supervisor.stop()
    await server.stop()
    fs.rmSync(home, { recursive: true, force: true })
  })

  const ask = (sql: string) =>
    withConnection(
      { connectionString: server.url, connectionTimeoutMillis: 3_000 },
      async (db) => (await db.query(sql)).rows,
    )
  const pidFile = () => path.join(dir, 'data/postmaster.pid')
  const serverPid = () => Number(fs.readFileSync(pidFile(), 'utf8').split('\n')[0])
  const pids = (folder = path.join(dir, 'data')) => {
    const home = fs.existsSync(folder) ? fs.realpathSync(folder) : ''
    return fs
      .readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          return fs.readlinkSync(`/proc/${pid}/cwd`) === home
        } catch {
          return false // it ended while we looked
        }
      })
      .map(Number)
  }
  /** One backend stands still in a statement. `ended` resolves when the statement has ended, in whatever way. */
  const hangABackend = async () => {
    const ended = ask('SELECT pg_sleep(600)').catch(() => []) // its server is killed: that is the case
    const [{ pid }] = (await eventually('it sleeps', async () => {
      const rows = await ask(`SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'`)
      return rows.length > 0 && rows
    })) as [{ pid: number }]
    kill(pid, 'SIGSTOP')
    return { pid, ended }
  }
  const kill = (pid: number, signal: NodeJS.Signals) => {
    try {
      process.kill(pid, signal)
    } catch {
      // It has ended.
    }
  }
  const isBack = () =>
    eventually(
      'it is back, with every committed row',
      () => ask('SELECT n FROM kept').catch(() => false as const),
      30_000,
    )

  it('J2: is killed: it is back by itself, and says so in one line each', async () => {
    watch()
    const before = serverPid()
    kill(before, 'SIGKILL')
    expect(await isBack()).toEqual([{ n: 7 }])
    expect(serverPid()).not.toBe(before)
    await eventually('it says that it is over', async () => said.length === 2, 30_000)
    expect(said[0]).toMatch(/^The embedded database fails: its server ended unasked/)
    expect(said[1]).toMatch(/^The embedded database works again after \d+ s/)
  })

  it('J2: one of its backends is killed: PostgreSQL itself recovers, and nobody interferes', async () => {
    watch()
    const before = serverPid()
    const [backend] = pids().filter((pid) => pid !== before)
    kill(Number(backend), 'SIGKILL')
    expect(await isBack()).toEqual([{ n: 7 }])
    expect(serverPid()).toBe(before)
    expect(said).toEqual([])
  })

  it('J2: is killed while a backend hangs, which keeps its shared memory: the orphan is ended, and it is back', async () => {
    const sleeping = await hangABackend()
    watch()
    kill(serverPid(), 'SIGKILL')
    expect(await isBack()).toEqual([{ n: 7 }])
    await sleeping.ended
    expect(pids()).not.toContain(sleeping.pid)
  })

  it('J2: is killed again and again, also while it starts: it is back', async () => {
    watch()
    for (let times = 0; times < 4; times++) {
      const pid = await eventually('there is a server', async () => server.runs() && serverPid(), 30_000, 5)
      kill(pid, 'SIGKILL')
    }
    expect(await isBack()).toEqual([{ n: 7 }])
    expect(said.length).toBeLessThan(5)
  })

  it('J2: a pid file that names somebody else’s process is no server', async () => {
    const left = fs.readFileSync(pidFile(), 'utf8')
    watch()
    await server.stop()
    await isBack()
    kill(serverPid(), 'SIGKILL')
    fs.writeFileSync(pidFile(), left.replace(/^\d+/, String(process.pid)))
    expect(await isBack()).toEqual([{ n: 7 }])
  })

  it('J2: its folder was taken away: no empty database is made in its place, and it is back when the folder is', async () => {
    watch()
    const away = path.join(home, 'away')
    fs.renameSync(path.join(dir, 'data'), away)
    for (const pid of pids(away)) kill(pid, 'SIGKILL')
    await eventually('it has failed more than once', async () => tries > 2, 30_000)
    expect(said).toHaveLength(1)
    expect(fs.existsSync(path.join(dir, 'data'))).toBe(false)
    fs.renameSync(away, path.join(dir, 'data'))
    expect(await isBack()).toEqual([{ n: 7 }])
  })

  it('J2: all of its folder was moved away: nothing is made in its place, so that it can be moved back', async () => {
    watch()
    const away = path.join(home, 'away')
    fs.renameSync(dir, away)
    for (const pid of pids(path.join(away, 'data'))) kill(pid, 'SIGKILL')
    await eventually('it has failed more than once', async () => tries > 2, 30_000)
    expect(fs.existsSync(dir)).toBe(false)
    fs.renameSync(away, dir)
    expect(await isBack()).toEqual([{ n: 7 }])
  })

  const canMount = process.getuid?.() === 0
  it.skipIf(!canMount)('J2: its disk is full when it starts: it is back as soon as there is room', async () => {
    await server.stop()
    const small = path.join(home, 'small')
    fs.mkdirSync(small)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=120m,mode=0755', 'tmpfs', small])
    const before = { dir, server }
    try {
      tries = 0
      dir = path.join(small, 'pg')
      server = await ensurePostgres(options())
      await ask('CREATE TABLE kept AS SELECT 7 AS n')
      watch()
      const filler = path.join(small, 'filler')
      kill(serverPid(), 'SIGKILL')
      try {
        fs.writeFileSync(filler, Buffer.alloc(200_000_000))
      } catch {
        // It is full: that is what was wanted.
      }
      await eventually('it cannot start', async () => tries > 2, 30_000)
      fs.rmSync(filler)
      expect(await isBack()).toEqual([{ n: 7 }])
    } finally {
      for (const supervisor of supervisors.splice(0)) await supervisor.stop()
      await server.stop()
      execFileSync('umount', [small])
      dir = before.dir
      server = before.server
    }
  })

  it('J2: two that watch over it do not disturb each other, and the second takes over', async () => {
    const first = watch()
    watch()
    await eventually('one has it', async () => isSupervised(dir))
    kill(serverPid(), 'SIGKILL')
    expect(await isBack()).toEqual([{ n: 7 }])
    await first.stop()
    await eventually('the other has it', async () => isHeld(path.join(dir, 'supervise.lock')), 30_000)
    kill(serverPid(), 'SIGKILL')
    expect(await isBack()).toEqual([{ n: 7 }])
  })

  it('J2: one that hangs while it stops is ended all the same, and keeps what was committed', async () => {
    const sleeping = await hangABackend()
    await server.stop(1)
    expect(server.runs()).toBe(false)
    await sleeping.ended
    server = await ensurePostgres(options())
    expect(await isBack()).toEqual([{ n: 7 }])
  })

  it('J2: what is told to stop is not started again', async () => {
    const supervisor = watch()
    await supervisor.stop()
    await server.stop()
    expect(isSupervised(dir)).toBe(false)
    expect(server.runs()).toBe(false)
    expect(said).toEqual([])
  })
})
