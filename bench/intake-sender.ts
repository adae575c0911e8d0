// The forge's side of the intake, in a process of its own: signs beforehand, then sends over keep-alive connections.
// Sockets and nothing else: on a machine with few cores, what the sender burns is taken from the server.
import { randomBytes } from 'node:crypto'
import { createConnection } from 'node:net'
import { pushBody, signedHeaders } from './push-event'

export interface SendOrder {
  port: number
  hook: string
  forgeProjectId: number
  signingKey: string
  count: number
  connections: number
  bodyBytes: number
}

export interface SendResult {
  seconds: number
  statuses: Record<string, number>
  cpuSeconds: number
  /** ms */
  latency: { median: number; p99: number }
}

const hash = () => randomBytes(20).toString('hex')
const DEADLINE_MS = 120_000

function request(order: SendOrder, key: Buffer, index: number): Buffer {
  const push = {
    forgeProjectId: order.forgeProjectId,
    path: 'team/hello',
    branch: `feature/bench-${index % 50}`,
    before: hash(),
    after: hash(),
  }
  const body = pushBody(push, order.bodyBytes)
  const headers = {
    Host: `127.0.0.1:${order.port}`,
    ...signedHeaders(body, key),
    'Content-Length': String(body.length),
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`POST /webhooks/${order.hook} HTTP/1.1\r\n${head.join('')}\r\n`), body])
}

/** Length of the first whole answer in `buffer`, or 0. */
function answerLength(text: string): number {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return 0
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? Number.NaN)
  if (Number.isNaN(length)) throw new Error(`an answer without a length: ${text.slice(0, end)}`)
  return text.length >= end + 4 + length ? end + 4 + length : 0
}

/** One connection: a request, its answer, the next, until there is no more. */
function connection(
  port: number,
  next: () => Buffer | undefined,
  answered: (status: string, ms: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port, noDelay: true })
    let sentAt = 0
    let text = ''
    const send = () => {
      const bytes = next()
      if (bytes === undefined) return void socket.end()
      sentAt = performance.now()
      socket.write(bytes)
    }
    socket.once('connect', send)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const length = answerLength(text)
      if (length === 0) return
      answered(text.slice(9, 12), performance.now() - sentAt)
      text = text.slice(length)
      send()
    })
    socket.once('error', reject)
    socket.once('close', () => resolve())
  })
}

async function send(order: SendOrder, requests: readonly Buffer[]): Promise<SendResult> {
  let at = 0
  const statuses: Record<string, number> = {}
  const times: number[] = []
  const cpu = process.cpuUsage()
  const begun = performance.now()
  const answered = (status: string, ms: number) => {
    statuses[status] = (statuses[status] ?? 0) + 1
    times.push(ms)
  }
  await Promise.all(
    Array.from({ length: order.connections }, () => connection(order.port, () => requests[at++], answered)),
  )
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  times.sort((a, b) => a - b)
  const rank = (q: number) => times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? Number.NaN
  return { seconds, statuses, cpuSeconds: (user + system) / 1e6, latency: { median: rank(0.5), p99: rank(0.99) } }
}

// Two messages: the order, after which it signs and says so; then "go".
setTimeout(() => process.exit(3), DEADLINE_MS).unref()
process.once('message', (order: SendOrder) => {
  const key = Buffer.from(order.signingKey, 'base64')
  const requests = Array.from({ length: order.count }, (_, i) => request(order, key, i))
  process.once('message', () => {
    send(order, requests).then(
      (result) => process.send?.(result, () => process.exit(0)),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
  process.send?.('signed')
})
process.once('disconnect', () => process.exit(0))
