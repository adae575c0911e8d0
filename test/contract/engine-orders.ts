import { readdir, readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { TAR_END, tarEntry } from '../../pipelines/engines/docker-tar'
import type { BuildOrder, Files, Limits, StepOrder, WorkLabel } from '../../pipelines/engines/engine'

export const BUSYBOX = 'shiplock-demo/busybox:latest'
export const MIB = 2 ** 20
export const never = () => new AbortController().signal
export const LIMITS: Limits = {
  timeMs: 30_000,
  graceMs: 500,
  memoryBytes: 128 * MIB,
  cpus: 1,
  pids: 64,
  diskBytes: 256 * MIB,
}

let runs = 0

/** The run of the latest label. */
export const lastRun = () => runs

export const instance = `test${process.pid}`
export const label = (over: Partial<WorkLabel> = {}): WorkLabel => {
  runs += 1
  return { instance, project: 1, trust: 'develop', run: runs, stage: 'unit', epoch: 1, ...over }
}

export const step = (run: string | string[], over: Partial<StepOrder> = {}): StepOrder => ({
  label: label(),
  image: BUSYBOX,
  run: [run].flat(),
  files: null,
  env: {},
  limits: LIMITS,
  ...over,
})

export const commit = (contents: Record<string, string>): Files => {
  return (prefix = '') => {
    const folder = prefix === '' ? [] : [tarEntry({ name: prefix, mode: 0o755 })]
    const entries = Object.entries(contents).map(([name, text]) =>
      tarEntry({ name: `${prefix}${name}`, body: Buffer.from(text), mode: 0o644 }),
    )
    return Readable.from([...folder, ...entries, TAR_END])
  }
}

export const build = (dockerfile: string, over: Partial<BuildOrder> = {}): BuildOrder => {
  const order = { label: label({ stage: 'build' }), files: commit({ Dockerfile: dockerfile }), ...over }
  return {
    dockerfile: { path: 'Dockerfile' },
    image: `${instance}/app:${order.label.run}`,
    imageLabels: { 'org.opencontainers.image.revision': 'a1b2c3' },
    limits: LIMITS,
    ...order,
  }
}

/** A log that keeps its text, and tells when a text has come. */
export function keptLog() {
  let text = ''
  let bytes = 0
  const waiting = new Set<() => void>()
  return {
    log: (chunk: Buffer) => {
      bytes += chunk.length
      text = (text + chunk.toString()).slice(-1_000_000)
      for (const look of waiting) look()
    },
    text: () => text,
    bytes: () => bytes,
    saw: (what: string) =>
      new Promise<void>((resolve) => {
        const look = () => text.includes(what) && resolve()
        waiting.add(look)
        look()
      }),
  }
}

/** The most that this process grew by while `work` ran, in bytes. */
export async function growth<T>(work: () => Promise<T>): Promise<{ result: T; grown: number }> {
  const before = process.memoryUsage().rss
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 20)
  const result = await work().finally(() => clearInterval(timer))
  return { result, grown: most - before }
}

export async function processes(argument: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter((line) => line.split('\0').includes(argument))
}

export async function eventually(what: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  for (const started = Date.now(); Date.now() - started < withinMs; await pause(50)) if (await what()) return true
  return what()
}
