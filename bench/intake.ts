// Durable webhook intake: signed pushes of 8 KB, each answered 202 after its commit, against bare inserts of such a row.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type InsertRound, inserter } from './inserts'
import type { SendOrder, SendResult } from './intake-sender'
import { alternate, type Figure, median, show, spread, table } from './measure'
import { cpuSeconds } from './processes'
import { pushBody } from './push-event'
import { type Project, World } from './world'

const SENDER = fileURLToPath(new URL('intake-sender.ts', import.meta.url))
const BODY_BYTES = 8192
const CONNECTIONS = 32
const PAIRS = 4
const ROUND_S = 4
const WARM_UP = 1500
const SENDER_MS = 100_000

interface Round {
  perSecond: number
  /** CPU seconds of each process per row. */
  cpu: Record<string, number>
  wal: number
  latency?: SendResult['latency']
}

/** `profile`: a folder; the web process then writes a CPU profile into it when it stops. */
export async function intake(profile?: string): Promise<Figure> {
  const world = await World.start({
    webFlags: profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${profile}`],
  })
  try {
    world.loseWebhooks(true)
    const project = await world.project('team/hello')
    await world.stopProcess('worker') // it would carry these runs; the figure is of the intake alone
    return await measure(world, project)
  } finally {
    await world.close()
  }
}

async function measure(world: World, project: Project): Promise<Figure> {
  const hash = 'a'.repeat(40)
  const body = pushBody(
    { forgeProjectId: project.forgeProjectId, path: project.path, branch: 'feature/row', before: hash, after: hash },
    BODY_BYTES,
  )
  const bare = await inserter(world.db, world.postgres.url, world.dir, body.toString())
  const warm = await intakeRound(world, project, WARM_UP)
  await bareRound(world, () => bare.round(1))
  const count = Math.round(warm.perSecond * ROUND_S)
  const pairs = await alternate(
    PAIRS,
    () => intakeRound(world, project, count),
    () => bareRound(world, () => bare.round(ROUND_S)),
  )
  const ratios = spread(pairs.map(({ a, b }) => a.perSecond / b.perSecond))
  const ours = pairs.map(({ a }) => a)
  const theirs = pairs.map(({ b }) => b)
  return {
    name: 'intake',
    what: `durable webhook intake per second (${BODY_BYTES / 1024} KB, signature checked, committed, 202), ${CONNECTIONS} connections`,
    against: bare.name,
    aim: '≥ 0.5 of its rows/s',
    measured: `${show(ratios, 2)}; ${show(spread(ours.map((r) => r.perSecond)), 0, '/s')} against ${show(spread(theirs.map((r) => r.perSecond)), 0, ' rows/s')}`,
    met: ratios.median >= 0.5,
    where: whereItGoes(ours, theirs, count),
  }
}

function whereItGoes(ours: readonly Round[], theirs: readonly Round[], count: number): string[] {
  const µs = (rounds: readonly Round[], name: string) => (median(rounds.map((r) => r.cpu[name] ?? 0)) * 1e6).toFixed(0)
  const kb = (rounds: readonly Round[]) => (median(rounds.map((r) => r.wal)) / 1024).toFixed(1)
  const latency = (which: 'median' | 'p99') => median(ours.map((r) => r.latency?.[which] ?? Number.NaN)).toFixed(1)
  return [
    table(
      ['per row, median of the rounds', 'webhook', 'bare insert'],
      [
        ['CPU of the web process, µs', µs(ours, 'web'), '–'],
        ['CPU of PostgreSQL, µs', µs(ours, 'postgres'), µs(theirs, 'postgres')],
        ['CPU of the sender (pgbench is not counted), µs', µs(ours, 'sender'), '–'],
        ['WAL, KB', kb(ours), kb(theirs)],
        ['latency, median / p99, ms', `${latency('median')} / ${latency('p99')}`, ''],
      ],
    ),
    `${count} deliveries a round, every one answered 202, and every one found as a row of Delivery and a Run afterwards. The worker stands still meanwhile. A CHECKPOINT comes before every round.`,
  ]
}

async function observed(
  world: World,
  work: () => Promise<{ rows: number; perSecond: number; sender?: number; latency?: SendResult['latency'] }>,
): Promise<Round> {
  await world.db.query('CHECKPOINT')
  const wal = async () =>
    BigInt(
      (await world.db.query<{ at: string }>(`SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text AS at`)).rows[0]
        ?.at ?? 0,
    )
  const before = { wal: await wal(), web: cpuSeconds(world.pids.web), postgres: cpuSeconds(world.pids.postgres) }
  const { rows, perSecond, sender, latency } = await work()
  const after = { wal: await wal(), web: cpuSeconds(world.pids.web), postgres: cpuSeconds(world.pids.postgres) }
  return {
    perSecond,
    cpu: {
      web: (after.web - before.web) / rows,
      postgres: (after.postgres - before.postgres) / rows,
      sender: (sender ?? 0) / rows,
    },
    wal: Number(after.wal - before.wal) / rows,
    ...(latency === undefined ? {} : { latency }),
  }
}

const bareRound = (world: World, round: () => Promise<InsertRound>) =>
  observed(world, async () => {
    const rows = () =>
      world.db.query<{ n: number }>('SELECT count(*)::int AS n FROM bench_row').then((r) => r.rows[0]?.n ?? 0)
    const before = await rows()
    const { perSecond } = await round()
    return { rows: (await rows()) - before, perSecond }
  })

async function intakeRound(world: World, project: Project, count: number): Promise<Round> {
  const order: SendOrder = {
    port: Number(new URL(world.url).port),
    hook: project.hook,
    forgeProjectId: project.forgeProjectId,
    signingKey: world.signingKey(project).toString('base64'),
    count,
    connections: CONNECTIONS,
    bodyBytes: BODY_BYTES,
  }
  const before = await rowsOf(world)
  const sender = startSender(order)
  await sender.signed
  const round = await observed(world, async () => {
    const { seconds, statuses, cpuSeconds: cpu, latency } = await sender.go()
    if (statuses['202'] !== count) throw new Error(`not every delivery was answered 202: ${JSON.stringify(statuses)}`)
    return { rows: count, perSecond: count / seconds, sender: cpu, latency }
  })
  const after = await rowsOf(world)
  if (after.deliveries - before.deliveries !== count || after.runs - before.runs !== count) {
    throw new Error(
      `${count} answers, ${after.deliveries - before.deliveries} deliveries, ${after.runs - before.runs} runs`,
    )
  }
  return round
}

async function rowsOf(world: World): Promise<{ deliveries: number; runs: number }> {
  const { rows } = await world.db.query<{ deliveries: number; runs: number }>(
    'SELECT (SELECT count(*) FROM "Delivery")::int AS deliveries, (SELECT count(*) FROM "Run")::int AS runs',
  )
  return rows[0] ?? { deliveries: 0, runs: 0 }
}

function startSender(order: SendOrder): { signed: Promise<void>; go(): Promise<SendResult> } {
  const child = fork(SENDER, [], { execArgv: ['--import', 'tsx'] })
  const late = setTimeout(() => child.kill('SIGKILL'), SENDER_MS)
  const message = <T>() =>
    new Promise<T>((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`the sender ended early (${code})`))
      child.once('exit', ended)
      child.once('message', (said: T) => {
        child.off('exit', ended)
        resolve(said)
      })
    })
  child.once('exit', () => clearTimeout(late))
  const signed = message<void>()
  child.send(order)
  return {
    signed,
    go() {
      const result = message<SendResult>()
      child.send('go')
      return result
    },
  }
}
