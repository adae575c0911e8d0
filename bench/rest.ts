// The whole service when nobody asks anything of it: memory and CPU of web, worker and PostgreSQL.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Figure, table } from './measure'
import { cpuSeconds, memory } from './processes'
import { World } from './world'

const SETTLE_MS = 10_000
const WATCH_MS = 10_000
const MOST_MB = 400
/** Of one core. */
const MOST_CPU = 0.02

export async function rest(): Promise<Figure> {
  const world = await World.start()
  try {
    await world.project('team/hello')
    await sleep(SETTLE_MS)
    return await measure(world)
  } finally {
    await world.close()
  }
}

async function measure(world: World): Promise<Figure> {
  const { pids } = world
  const names = Object.keys(pids) as (keyof typeof pids)[]
  const before = names.map((name) => cpuSeconds(pids[name]))
  const begun = performance.now()
  await sleep(WATCH_MS)
  const seconds = (performance.now() - begun) / 1000
  const each = names.map((name, i) => ({
    name,
    count: pids[name].length,
    cpu: (cpuSeconds(pids[name]) - (before[i] ?? 0)) / seconds,
    ...memory(pids[name]),
  }))
  const sum = (of: (e: (typeof each)[number]) => number) => each.reduce((total, e) => total + of(e), 0)
  const mb = (bytes: number) => (bytes / 2 ** 20).toFixed(0)
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`
  const pss = sum((e) => e.pss)
  const cpu = sum((e) => e.cpu)
  return {
    name: 'rest',
    what: 'whole service at rest: web + worker + embedded PostgreSQL',
    against: '–',
    aim: `≤ ${MOST_MB} MB, ≈ 0 % CPU`,
    measured: `${mb(pss)} MB (proportional; ${mb(sum((e) => e.rss))} MB where shared pages count in each process), ${percent(cpu)} of one core`,
    met: pss / 2 ** 20 <= MOST_MB && cpu <= MOST_CPU,
    where: [
      table(
        ['', 'processes', 'PSS, MB', 'RSS, MB', 'CPU of one core'],
        each.map((e) => [e.name, e.count, mb(e.pss), mb(e.rss), percent(e.cpu)]),
      ),
      `One connected project, nothing to do, ${SETTLE_MS / 1000} s after it was connected; CPU over ${WATCH_MS / 1000} s. The web process is without the pages (\`--no-pages\`), which add Next.`,
    ],
  }
}
