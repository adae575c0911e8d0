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

/**
 * What it does is in MODE: healthy, sick (answers 503), dies (exit 3, with words), deaf (listens nowhere), stubborn (ignores
 * SIGTERM), flaps (good and bad by turns), leaves (exit 1, 400 ms after the first answer), hangs (answers twice, then never),
 * eats (takes all memory, 300 ms after the first answer), late (listens after a second), pathless (404 on /healthz),
 * brief (exit 4 after 2.7 s).
 * A file /tmp/says, with a status in it, is heeded by every mode that answers.
 */
const SERVER = `
const fs = require('fs')
const mode = process.env.MODE
if (mode === 'dies') { console.error('cannot reach the database\\u001b[31m!'); process.exit(3) }
if (mode === 'stubborn') process.on('SIGTERM', () => {})
console.log('mode ' + mode)
let answers = 0
const said = () => { try { return Number(fs.readFileSync('/tmp/says', 'utf8')) } catch { return 0 } }
const eat = () => { const held = []; for (;;) held.push(Buffer.alloc(8 << 20, 1)) }
const answer = (request, response) => {
  if (request.url !== '/healthz') return response.end(process.env.TAG)
  const n = answers++
  if (mode === 'leaves' && n === 0) setTimeout(() => process.exit(1), 400)
  if (mode === 'eats' && n === 0) setTimeout(eat, 300)
  if (mode === 'hangs' && n >= 2) return
  response.statusCode = said() || (mode === 'sick' || (mode === 'flaps' && n % 2) ? 503 : mode === 'pathless' ? 404 : 200)
  response.end(process.env.TAG)
}
if (mode === 'brief') setTimeout(() => process.exit(4), 2700)
const listen = () => require('http').createServer(answer).listen(8085)
if (mode === 'deaf') setInterval(() => {}, 1000); else setTimeout(listen, mode === 'late' ? 1000 : 0)
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
    monitor: 300,
    ...rest,
  }
}

export const apply = (of: Deployment, signal = new AbortController().signal) => target.apply(of, () => {}, signal)

/** As the record has it done: applied, observed, and what served before retired. */
export async function serve(of: Deployment): Promise<Deployment> {
  expect(await apply(of)).toMatchObject({ ok: true })
  await target.retire(
    of,
    (await target.observe(of)).replicas.map((r) => r.id),
  )
  return of
}

/** A command in a container, as a person may run one. */
export async function inside(id: string, ...command: string[]): Promise<void> {
  const exec = await docker.getContainer(id).exec({ Cmd: command, AttachStdout: true, AttachStderr: true })
  const stream = await exec.start({})
  for await (const _ of stream);
}

/** Every container of a project on the engine, whatever its state, without asking the driver. */
export async function containers(project: number) {
  const label = [`shiplock.instance=${instance}`, `shiplock.project=${project}`]
  const listed = await docker.listContainers({ all: true, filters: { label } })
  return listed.map((c) => ({ id: c.Id, name: c.Names[0]?.slice(1) ?? '', image: c.ImageID, state: c.State }))
}

export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 40_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const because = (applied: Applied) => {
  expect(applied.ok).toBe(false)
  return applied.because
}
