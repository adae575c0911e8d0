import { execFileSync, spawn } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { GIT_ENV, MAX_PUSH_BYTES } from './repositories'

const BACKEND = `${execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim()}/git-http-backend`
const DEADLINE_MS = 120_000
const MAX_HEAD = 64 * 1024

export interface GitRequest {
  /** Folder that holds the bare repositories. */
  root: string
  /** `/group/name.git/…` below the root. */
  path: string
  query: string
  username: string
  /** Branches that this user may not push to. */
  closed: readonly string[]
  /** Bytes that the request may have; longer ones are cut off with a 413. */
  maxBytes?: number
}

/** Hands a request to git's own `git http-backend` and its answer back, as it streams. Resolves when the process has ended. */
export function serveGit(request: IncomingMessage, response: ServerResponse, ask: GitRequest): Promise<void> {
  const most = ask.maxBytes ?? MAX_PUSH_BYTES
  if (Number(request.headers['content-length'] ?? 0) > most) return tooLarge(request, response)
  // Gone while it waited for its turn: git would wait for the rest of the request.
  if (response.destroyed) return Promise.resolve()
  const backend = spawn(BACKEND, [], {
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: DEADLINE_MS,
    env: {
      ...GIT_ENV,
      GIT_PROJECT_ROOT: ask.root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: ask.path,
      QUERY_STRING: ask.query,
      REMOTE_USER: ask.username,
      FORGE_CLOSED_REFS: ask.closed.map((branch) => `refs/heads/${branch}`).join('\n'),
      REMOTE_ADDR: '127.0.0.1',
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
  })
  backend.stdin.on('error', () => {}) // it may answer before it has read everything
  // A child of its own may outlive it, and would wait for the rest for ever: it holds the turn of the repository.
  const stop = () => {
    backend.kill()
    backend.stdin.destroy()
  }
  let received = 0
  request.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (received <= most || response.destroyed) return
    stop() // what it has is half a pack, of which git keeps nothing
    void tooLarge(request, response)
  })
  request.pipe(backend.stdin)
  response.on('close', () => {
    if (!response.writableFinished) stop()
  })
  return new Promise((resolve) => {
    let head: Buffer | null = Buffer.alloc(0)
    backend.stdout.on('data', (chunk: Buffer) => {
      if (head === null) {
        if (!response.write(chunk)) {
          backend.stdout.pause()
          response.once('drain', () => backend.stdout.resume())
        }
        return
      }
      // Cut off meanwhile, as too large: it has its answer.
      if (response.headersSent) return void backend.kill()
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) {
        if (head.length > MAX_HEAD) backend.kill()
        return
      }
      writeHead(response, head.toString('latin1', 0, end))
      response.write(head.subarray(end + 4))
      head = null
    })
    backend.once('close', () => {
      if (head !== null && !response.headersSent) response.writeHead(500)
      response.end()
      resolve()
    })
    backend.once('error', () => {
      if (!response.headersSent) response.writeHead(500)
      response.end()
      resolve()
    })
  })
}

async function tooLarge(request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.unpipe()
  if (!response.headersSent) response.writeHead(413, { 'content-type': 'text/plain', connection: 'close' })
  response.end('The request is too large.\n', () => request.destroy())
}

function writeHead(response: ServerResponse, head: string) {
  const lines = head
    .split('\r\n')
    .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()])
  const status = lines.find(([name]) => name.toLowerCase() === 'status')?.[1] ?? '200'
  response.writeHead(
    Number.parseInt(status, 10),
    Object.fromEntries(lines.filter(([name]) => name.toLowerCase() !== 'status')),
  )
}
