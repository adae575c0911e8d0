// BuildKit's progress (`moby.buildkit.trace`: base64 of a StatusResponse, buildkit api/services/control/control.proto) as
// lines like those of `docker build --progress=plain`. Read by hand: six fields of four messages, and no protobuf
// library has to hold a whole build's output.
import { lineCutter } from './docker-lines'

const MOST_LINE = 16 * 1024
const MOST_VERTEXES = 5_000

export interface Vertex {
  digest: string
  name: string
  cached: boolean
  started: number | null
  completed: number | null
  error: string
}

export interface Trace {
  vertexes: Vertex[]
  /** Progress inside a step, e.g. one layer that is pulled; times in seconds. */
  statuses: { vertex: string; id: string; total: number; completed: boolean }[]
  logs: { vertex: string; at: number; bytes: Buffer }[]
}

type Field = { no: number; value: number; bytes: Buffer | null }

function* fields(message: Buffer): Generator<Field> {
  let at = 0
  const varint = () => {
    let value = 0
    for (let factor = 1; at < message.length; factor *= 128) {
      const byte = message[at++] as number
      value += (byte & 127) * factor
      if (byte < 128) break
    }
    return value
  }
  while (at < message.length) {
    const key = varint()
    const [no, wire] = [Math.floor(key / 8), key % 8]
    if (wire === 0) yield { no, value: varint(), bytes: null }
    else if (wire === 2) {
      const length = varint()
      yield { no, value: 0, bytes: message.subarray(at, at + length) }
      at += length
    } else if (wire === 1) at += 8
    else if (wire === 5) at += 4
    else return // not protobuf: what was read so far stands
  }
}

const seconds = (bytes: Buffer | null) => {
  let time = 0
  for (const field of fields(bytes ?? Buffer.alloc(0))) time += field.no === 1 ? field.value : field.value / 1e9
  return time
}

function readVertex(message: Buffer): Vertex {
  const vertex: Vertex = { digest: '', name: '', cached: false, started: null, completed: null, error: '' }
  for (const { no, value, bytes } of fields(message)) {
    if (no === 1) vertex.digest = String(bytes)
    else if (no === 3) vertex.name = String(bytes)
    else if (no === 4) vertex.cached = value === 1
    else if (no === 5) vertex.started = seconds(bytes)
    else if (no === 6) vertex.completed = seconds(bytes)
    else if (no === 7) vertex.error = String(bytes)
  }
  return vertex
}

function readStatus(message: Buffer): Trace['statuses'][number] {
  const status = { vertex: '', id: '', total: 0, completed: false }
  for (const { no, value, bytes } of fields(message)) {
    if (no === 1) status.id = String(bytes)
    else if (no === 2) status.vertex = String(bytes)
    else if (no === 5) status.total = value
    else if (no === 8) status.completed = true
  }
  return status
}

function readLog(message: Buffer): Trace['logs'][number] {
  const log = { vertex: '', at: 0, bytes: Buffer.alloc(0) as Buffer }
  for (const { no, bytes } of fields(message)) {
    if (no === 1) log.vertex = String(bytes)
    else if (no === 2) log.at = seconds(bytes)
    else if (no === 4 && bytes) log.bytes = bytes
  }
  return log
}

export function readTrace(base64: string): Trace {
  const trace: Trace = { vertexes: [], statuses: [], logs: [] }
  for (const { no, bytes } of fields(Buffer.from(base64, 'base64'))) {
    if (!bytes) continue
    if (no === 1) trace.vertexes.push(readVertex(bytes))
    else if (no === 2) trace.statuses.push(readStatus(bytes))
    else if (no === 3) trace.logs.push(readLog(bytes))
  }
  return trace
}

interface Shown {
  no: number
  started: number
  named: boolean
  done: boolean
  lines: ReturnType<typeof lineCutter>
}

/** Turns traces into text, in order: `#3 [2/4] RUN npm ci`, `#3 0.412 added 5 packages`, `#3 DONE 1.2s`. */
export function plainProgress() {
  const shown = new Map<string, Shown>()
  const of = (digest: string): Shown => {
    const known = shown.get(digest)
    if (known) return known
    if (shown.size >= MOST_VERTEXES) shown.clear() // numbers start again; a build of that size is no build
    const made = { no: shown.size + 1, started: 0, named: false, done: false, lines: lineCutter(MOST_LINE) }
    shown.set(digest, made)
    return made
  }
  const outputLine = (step: Shown, at: number, line: Buffer) =>
    `#${step.no} ${Math.max(0, at - step.started).toFixed(3)} ${String(line).replace(/\r$/, '')}\n`

  return function* show(trace: Trace): Generator<string> {
    for (const vertex of trace.vertexes) {
      if (vertex.started === null && !vertex.cached) continue
      const step = of(vertex.digest)
      if (!step.named) {
        step.named = true
        yield `#${step.no} ${vertex.name}\n`
      }
      step.started = vertex.started ?? step.started
    }
    for (const log of trace.logs) {
      const step = of(log.vertex)
      for (const line of step.lines.push(log.bytes)) yield outputLine(step, log.at, line)
    }
    for (const status of trace.statuses) {
      if (status.completed) yield `#${of(status.vertex).no} ${status.id} done\n`
    }
    for (const vertex of trace.vertexes) {
      const step = of(vertex.digest)
      if (vertex.completed === null || step.done) continue
      step.done = true
      const rest = step.lines.rest()
      if (rest.length > 0) yield outputLine(step, vertex.completed, rest)
      const took = Math.max(0, vertex.completed - (vertex.started ?? vertex.completed)).toFixed(1)
      yield `#${step.no} ${vertex.error ? `ERROR: ${vertex.error}` : vertex.cached ? 'CACHED' : `DONE ${took}s`}\n`
    }
  }
}
