// From the webhook to the first container that runs, against making such a container by hand.
import { hasCli, type Started, startByApi, startByCli } from './bare-container'
import { type EngineEvent, EngineEvents } from './engine-events'
import { alternate, type Figure, show, spread, table, until, wallMs } from './measure'
import { pushBody, signedHeaders } from './push-event'
import { type Project, World } from './world'

const SAMPLES = 17
const BODY_BYTES = 8192

/** What happened when, in ms on the wall clock; in this order. */
const LEGS = [
  ['sent', ''],
  ['received', 'the request arrives, is verified, the statement begins (web)'],
  ['claimed', 'commit, doorbell heard, ring through the queue, run claimed (web, PostgreSQL, worker)'],
  [
    'planned',
    'token unsealed, commit fetched from the forge, head asked, service file read, plan written (worker, git, forge)',
  ],
  ['stageClaimed', 'commit, doorbell, ring through the queue, stage claimed (PostgreSQL, worker)'],
  [
    'created',
    'claim committed, cache looked into, image and lost attempts looked for (worker, git, engine); create itself (engine)',
  ],
  ['filled', 'files copied into it: git archive, one copy of a tar (worker, git, engine)'],
  ['started', 'attach, wait, start (engine)'],
] as const
type Moment = (typeof LEGS)[number][0]

interface Sample {
  ms: number
  moments: Record<Moment, number>
  answeredMs: number
}

export async function firstContainer(): Promise<Figure> {
  const world = await World.start()
  const events = await EngineEvents.open()
  try {
    const project = await world.project('team/hello')
    world.loseWebhooks(true)
    return await measure(world, project, events)
  } finally {
    events.close()
    await world.close()
  }
}

async function measure(world: World, project: Project, events: EngineEvents): Promise<Figure> {
  const ours = () => sample(world, project, events)
  const bare = async () => ({
    api: await startByApi(world, events),
    cli: hasCli() ? await startByCli(world, events) : null,
  })
  await ours() // the first one clones, and makes the steps' network
  await ours()
  await bare()
  const pairs = await alternate(SAMPLES, ours, bare)
  const more = (over: (b: { api: Started; cli: Started | null }) => number) =>
    spread(pairs.map(({ a, b }) => a.ms - over(b)))
  const api = more((b) => b.api.ms)
  const cli = hasCli() ? more((b) => b.cli?.ms ?? Number.NaN) : null
  const held = cli ?? api
  return {
    name: 'first-container',
    what: 'signed webhook sent → first step container running',
    against: `${cli === null ? '' : '`docker run`, and '}the engine's API (create, start), same container`,
    aim: '+ ≤ 100 ms at the median',
    measured: [
      `${show(spread(pairs.map(({ a }) => a.ms)), 0, ' ms')}`,
      ...(cli === null
        ? []
        : [
            `over \`docker run\` ${show(cli, 0, ' ms')}, ${show(spread(pairs.map(({ a, b }) => a.ms / (b.cli?.ms ?? 1))), 2, '×')}`,
          ]),
      `over the API ${show(api, 0, ' ms')}, ${show(spread(pairs.map(({ a, b }) => a.ms / b.api.ms)), 2, '×')}`,
    ].join('; '),
    met: held.median <= 100,
    where: whereItGoes(
      pairs.map(({ a }) => a),
      pairs.map(({ b }) => b),
      events,
    ),
  }
}

function whereItGoes(
  samples: readonly Sample[],
  bare: readonly { api: Started; cli: Started | null }[],
  events: EngineEvents,
): string[] {
  const rows = LEGS.slice(1).map(([moment, what], i) => {
    const from = LEGS[i]?.[0] ?? 'sent'
    return [moment, show(spread(samples.map((s) => s.moments[moment] - s.moments[from])), 1), what]
  })
  const start = (container: string) => events.stamp(container, 'start') - events.stamp(container, 'create')
  const both = [
    `The bare container took ${show(spread(bare.map((b) => b.api.ms)), 0, ' ms')} by the API, of which create → start by the engine's stamps ${show(spread(bare.map((b) => start(b.api.container))), 0, ' ms')}`,
    ...(hasCli() ? [`and ${show(spread(bare.map((b) => b.cli?.ms ?? Number.NaN)), 0, ' ms')} by \`docker run\``] : []),
  ]
  return [
    table(['until', 'ms, median (min … max)', 'what it is'], rows),
    `${both.join(', ')}. The webhook itself was answered after ${show(spread(samples.map((s) => s.answeredMs)), 1, ' ms')} (commit included). ${samples.length} samples, alternated; each is a new commit on a feature branch, the project's cache warm. Moments are of the rows' and the engine's own stamps (whole ms for rows).`,
  ]
}

let number = 0

async function sample(world: World, project: Project, events: EngineEvents): Promise<Sample> {
  const branch = `feature/bench-${++number}`
  const text = `change ${number}\n`
  const after = await project.clone.pushFiles(branch, 'develop', { 'www/index.html': text }, `Change ${number}`)
  await world.forge.idle()
  const body = pushBody(
    { forgeProjectId: project.forgeProjectId, path: project.path, branch, before: '0'.repeat(40), after },
    BODY_BYTES,
  )
  const headers = signedHeaders(body, world.signingKey(project))
  const isOurs = (e: EngineEvent) =>
    e.action === 'start' && e.labels['shiplock.instance'] === world.instance && e.labels['shiplock.stage'] === 'static'
  const started = events.next('the first container', isOurs)
  const sent = wallMs()
  const begun = performance.now()
  const answer = await fetch(`${world.url}/webhooks/${project.hook}`, {
    method: 'POST',
    body: new Uint8Array(body),
    headers,
    signal: AbortSignal.timeout(10_000),
  })
  const answeredMs = performance.now() - begun
  if (answer.status !== 202) throw new Error(`the webhook was answered ${answer.status}: ${await answer.text()}`)
  const { run } = (await answer.json()) as { run: number }
  const event = await started
  if (event.labels['shiplock.run'] !== String(run))
    throw new Error(`another run's container started: ${JSON.stringify(event.labels)}`)
  await until('the run ends', async () => ((await world.client.run(run)).finishedAt === null ? null : true))
  return { ms: event.heardAt - begun, answeredMs, moments: await momentsOf(world, run, sent, event, events) }
}

async function momentsOf(
  world: World,
  run: number,
  sent: number,
  { container }: EngineEvent,
  events: EngineEvents,
): Promise<Record<Moment, number>> {
  const { rows } = await world.db.query<{ kind: string; at: Date }>(
    `SELECT 'received' AS kind, "receivedAt" AS at FROM "Delivery" WHERE "runId" = $1 UNION ALL SELECT kind, at FROM "AuditEntry" WHERE "runId" = $1`,
    [run],
  )
  const at = (kind: string) => rows.find((r) => r.kind === kind)?.at.getTime() ?? Number.NaN
  return {
    sent,
    received: at('received'),
    claimed: at('run.claim'),
    planned: at('stage.admit'),
    stageClaimed: at('stage.claim'),
    created: events.stamp(container, 'create'),
    filled: events.lastStamp(container, 'extract-to-dir'),
    started: events.stamp(container, 'start'),
  }
}
