// What the suite of the targets is given: two tiny servers as images, and a way to deploy one of them.
import Docker from 'dockerode'
import { afterAll, beforeAll, expect } from 'vitest'
import { TARGETS } from '../../environments/targets/index'
import type { Applied, Deployment, Healthcheck } from '../../environments/targets/target'
import { ensureNodeBase } from '../../scripts/base-image.mjs'

export const instance = `test-targets-${process.pid}`
export const docker = new Docker()
export const target = TARGETS.docker({ kind: 'docker' })
export const HEALTH: Healthcheck = {
  http: '/healthz',
  port: 8085,
  interval: 200,
  timeout: 1000,
  startPeriod: 1500,
  retries: 3,
}

/** What it does is in MODE: healthy, sick (answers 503), dies (exit 3, with words), deaf (listens nowhere), stubborn (ignores SIGTERM). */
const SERVER = `
const mode = process.env.MODE
if (mode === 'dies') { console.error('cannot reach the database\\u001b[31m!'); process.exit(3) }
if (mode === 'stubborn') process.on('SIGTERM', () => {})
console.log('mode ' + mode)
const answer = (_, response) => { response.statusCode = mode === 'sick' ? 503 : 200; response.end(process.env.TAG) }
if (mode === 'deaf') setInterval(() => {}, 1000); else require('http').createServer(answer).listen(8085)
`
/** Digests of two images that differ in a label only; known once the hooks have run. */
export let one = ''
export let two = ''

async function makeImage(base: string, name: string): Promise<string> {
  const made = await docker.createContainer({
    Image: base,
    Cmd: ['node', '-e', SERVER],
    Labels: { 'shiplock.test': name },
  })
  const { Id } = await made.commit({ comment: `${instance} ${name}` })
  await made.remove()
  return Id
}

beforeAll(async () => {
  await target.ensureReady()
  const { image } = await ensureNodeBase()
  one = await makeImage(image, 'one')
  two = await makeImage(image, 'two')
}, 60_000)

afterAll(async () => {
  await target.removeAll(instance)
  await Promise.all([one, two].filter(Boolean).map((image) => docker.getImage(image).remove({ force: true })))
}, 30_000)

let promotions = 0
export const nextPromotion = () => ++promotions

/** A promotion of image one into the test environment of a project; each test has a project of its own. */
export function deployment(project: number, over: Partial<Deployment> & { mode?: string } = {}): Deployment {
  const { mode = 'healthy', ...rest } = over
  return {
    instance,
    project,
    environment: 'test',
    service: 'hello',
    release: 1,
    promotion: nextPromotion(),
    epoch: 1,
    digest: one,
    commit: '1'.repeat(40),
    version: '1.0',
    replicas: 1,
    ports: [8085],
    healthcheck: HEALTH,
    env: { MODE: mode, TAG: 'hello' },
    limits: { memoryBytes: 128 * 1024 ** 2, cpus: 1, pids: 64 },
    ...rest,
  }
}

export const apply = (of: Deployment, signal = new AbortController().signal) => target.apply(of, () => {}, signal)

export async function serve(of: Deployment): Promise<Deployment> {
  expect(await apply(of)).toMatchObject({ ok: true })
  return of
}

/** Every container of a project on the engine, whatever its state, without asking the driver. */
export async function containers(project: number) {
  const label = [`shiplock.instance=${instance}`, `shiplock.project=${project}`]
  const listed = await docker.listContainers({ all: true, filters: { label } })
  return listed.map((c) => ({ id: c.Id, name: c.Names[0]?.slice(1) ?? '', image: c.ImageID, state: c.State }))
}

export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const because = (applied: Applied) => {
  expect(applied.ok).toBe(false)
  return applied.because
}
