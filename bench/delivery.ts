// The whole delivery, from `git push` to the environment seen answering with the new commit, against a shell script that
// gives the same git and Docker commands one after the other.
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import type { Clone } from '../demo/story'
import { dockerApi, hasStatus } from '../pipelines/engines/docker-api'
import { CHANNEL } from '../prisma/record'
import { hasCli } from './bare-container'
import { alternate, type Figure, median, show, spread, table, until } from './measure'
import { BUSYBOX, type Project, World } from './world'

const run = promisify(execFile)
const SCRIPT = fileURLToPath(new URL('delivery.sh', import.meta.url))
const SAMPLES = 7
const AIM = 1.1
const DELIVERY_MS = 60_000

interface Sample {
  ms: number
  /** ms of each step, in order. */
  steps: Record<string, number>
}

export async function delivery(): Promise<Figure> {
  if (!hasCli()) throw new Error('there is no docker command on PATH, and the script is made of it')
  const world = await World.start()
  const rings = new pg.Client({ connectionString: world.postgres.url })
  rings.on('error', () => {}) // the server is stopped under it at the end
  try {
    await rings.connect()
    await rings.query(`LISTEN ${CHANNEL}`)
    const project = await world.project('team/hello')
    // The first push came before the project was connected: nothing of it is under way.
    const bare = await world.repository('team/bare')
    return await measure(world, project, bare.clone, rings)
  } finally {
    await removeBare(world.service)
    await rings.end().catch(() => {}) // lost with the server: it is closed either way
    await world.close()
  }
}

async function measure(world: World, project: Project, bare: Clone, rings: pg.Client): Promise<Figure> {
  const ours = () => deliver(world, project, rings)
  const script = () => byScript(world, bare)
  await ours()
  await script()
  const pairs = await alternate(SAMPLES, ours, script)
  const ratios = spread(pairs.map(({ a, b }) => a.ms / b.ms))
  const apart = spread(pairs.map(({ a, b }) => a.ms - b.ms))
  return {
    name: 'delivery',
    what: 'whole delivery: `git push` → the environment answers with the new commit and the old container is gone',
    against: 'a bash script of the same git and Docker commands, one after the other (`bench/delivery.sh`)',
    aim: `≤ ${AIM.toFixed(2)} ×`,
    measured: `${show(ratios, 2, ' ×')}; ${show(spread(pairs.map(({ a }) => a.ms)), 0, ' ms')} against ${show(spread(pairs.map(({ b }) => b.ms)), 0, ' ms')}, ${show(apart, 0, ' ms')} apart`,
    met: ratios.median <= AIM,
    where: whereItGoes(
      pairs.map(({ a }) => a),
      pairs.map(({ b }) => b),
    ),
  }
}

/** What of ours stands beside which step of the script. */
const BESIDE: [string, string][] = [
  ['push', 'push'],
  ['webhook', ''],
  ['plan', 'clone'],
  ['static', 'static'],
  ['build', 'build'],
  ['unit', 'unit'],
  ['between', ''],
  ['release', ''],
  ['deploy', 'start + remove'],
  ['seen', 'answer'],
]

function whereItGoes(ours: readonly Sample[], theirs: readonly Sample[]): string[] {
  const of = (samples: readonly Sample[], step: string) =>
    median(samples.map((s) => step.split(' + ').reduce((sum, part) => sum + (s.steps[part] ?? 0), 0)))
  const rows = BESIDE.map(([step, script]) => {
    const mine = of(ours, step)
    const other = script === '' ? 0 : of(theirs, script)
    return [step, mine.toFixed(0), script, script === '' ? '–' : other.toFixed(0), (mine - other).toFixed(0)]
  })
  return [
    table(['Shiplock', 'ms', 'script', 'ms', 'more'], rows),
    "Medians. webhook: push ended → run claimed (the forge makes and sends the event, intake, queue); plan: fetch, head, service file, plan written; a stage: claimed → ended; between: ended → next claimed, summed; release: last stage ended → promotion claimed (cut, promote, gates: three jobs); deploy: claimed → observed; seen: the ring heard, and the page fetched. Of the script, git push and each command's own start are in its steps; the new container of both is asked every 40 ms at first.",
  ]
}

let number = 0
const nextText = () => `change ${++number} of ${Date.now().toString(36)}`

/** The old container's removal is part of a deployment: the script waits for it as well. */
async function deliver(world: World, project: Project, rings: pg.Client): Promise<Sample> {
  const text = nextText()
  await prepare(project.clone, text)
  const deployed = heardDeployed(rings)
  const begun = performance.now()
  await project.clone.command('push', '--quiet', 'origin', 'develop')
  const pushed = performance.now()
  const pushedAt = Date.now()
  await deployed
  const [place] = (await world.client.environments('test')).items
  const page = await fetch(`${place?.running?.url}/index.html`, { signal: AbortSignal.timeout(5_000) })
  const answer = (await page.text()).trim()
  const seen = performance.now()
  if (answer !== text) throw new Error(`the environment answers ${answer}, not ${text}`)
  const steps = await stepsOf(world, project)
  const { ended, ...known } = steps
  await settled(world)
  return {
    ms: seen - begun,
    steps: {
      ...known,
      push: pushed - begun,
      webhook: steps.webhook - pushedAt,
      seen: performance.timeOrigin + seen - ended,
    },
  }
}

async function prepare(clone: Clone, text: string) {
  writeFileSync(join(clone.dir, 'www/index.html'), `${text}\n`)
  await clone.command('commit', '--quiet', '--all', `--message=${text}`)
}

function heardDeployed(rings: pg.Client): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => end(new Error('nothing was deployed in time')), DELIVERY_MS)
    const end = (error?: Error) => {
      clearTimeout(late)
      rings.off('notification', hear)
      if (error) reject(error)
      else resolve()
    }
    const hear = ({ payload = '' }: pg.Notification) => {
      const [subject, , status] = payload.split(':')
      if (subject === 'promotion' && status === 'deployed') end()
      if (
        (subject === 'promotion' || subject === 'run' || subject === 'stage') &&
        ['failed', 'errored', 'refused'].includes(status ?? '')
      )
        end(new Error(`the delivery came to ${payload}`))
    }
    rings.on('notification', hear)
  })
}

/** Of the newest run, from the trail. `webhook` and `ended` are moments, the others lengths, in ms. */
async function stepsOf(world: World, project: Project) {
  const { rows } = await world.db.query<{ kind: string; at: Date; name: string | null }>(
    `SELECT e.kind, e.at, s.name FROM "AuditEntry" e LEFT JOIN "Stage" s ON e.subject = 'stage' AND s.id = e."subjectId"
     WHERE e."runId" = (SELECT max(id) FROM "Run" WHERE "projectId" = $1) ORDER BY e.id`,
    [project.id],
  )
  const at = (kind: string, name?: string) =>
    rows.find((r) => r.kind === kind && (name === undefined || r.name === name))?.at.getTime() ?? Number.NaN
  const names = ['static', 'build', 'unit']
  const length = (name: string) => at('stage.pass', name) - at('stage.claim', name)
  const gaps = names.map(
    (name, i) => at('stage.claim', name) - (i === 0 ? at('stage.admit', name) : at('stage.pass', names[i - 1])),
  )
  return {
    webhook: at('run.claim'),
    plan: at('run.plan') - at('run.claim'),
    static: length('static'),
    build: length('build'),
    unit: length('unit'),
    between: gaps.reduce((a, b) => a + b, 0),
    release: at('promotion.claim') - at('stage.pass', 'unit'),
    deploy: at('promotion.observe') - at('promotion.claim'),
    ended: at('promotion.observe'),
  }
}

/** The reports to the forge and the last removals are no part of the next sample. */
async function settled(world: World) {
  await until('the forge was told everything', async () => {
    const { rows } = await world.db.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM "Report" WHERE "dueAt" IS NOT NULL',
    )
    return rows[0]?.n === 0 ? true : null
  })
}

async function byScript(world: World, clone: Clone): Promise<Sample> {
  const text = nextText()
  await prepare(clone, text)
  const commit = (await clone.command('rev-parse', 'HEAD')).trim()
  const work = join(world.dir, 'script')
  mkdirSync(work, { recursive: true })
  const { username, password } = world.mia
  const env = {
    NODE_ENV: 'production' as const,
    PATH: process.env.PATH,
    HOME: work,
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    URL: `${world.forge.url}/team/bare.git`,
    AUTHORIZATION: `Authorization: Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
    COMMIT: commit,
    NAME: `${world.service}-script`,
    TEXT: text,
    WORK: work,
    SOCKET: '/var/run/docker.sock',
    BASE: BUSYBOX,
  }
  const begun = performance.now()
  await clone.command('push', '--quiet', 'origin', 'develop')
  const pushed = performance.now()
  const { stdout } = await run('bash', [SCRIPT], { env, timeout: DELIVERY_MS })
  const ended = performance.now()
  const steps = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]),
  )
  return { ms: ended - begun, steps: { ...steps, push: pushed - begun } }
}

/** What the script left: its last container and its image. */
async function removeBare(service: string) {
  const api = dockerApi()
  const filters = { label: [`bench.service=${service}-script`] }
  const left = await api.json<{ Id: string }[]>({
    method: 'GET',
    path: '/containers/json',
    query: { all: true, filters },
  })
  for (const { Id } of left) await api.text({ method: 'DELETE', path: `/containers/${Id}`, query: { force: true } })
  await api
    .text({ method: 'DELETE', path: `/images/${service}-script:new`, query: { force: true } })
    .catch((error: unknown) => {
      if (!hasStatus(error, 404)) throw error // the script did not come so far
    })
}
