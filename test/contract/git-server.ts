// A real git server for tests: git http-backend behind node:http, with one user and password.
import { execFileSync, spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface GitServer {
  url: string
  /** Requests seen so far, and what each said in Authorization. */
  seen: { path: string; authorization: string | undefined }[]
  /** Set: every request is held until `release` is called. */
  hold: { release: () => void; waiting: number } | null
  close(): Promise<void>
}

const BACKEND = `${execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim()}/git-http-backend`

function serve(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://git')
  const env = {
    PATH: process.env.PATH ?? '',
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    REQUEST_METHOD: request.method ?? 'GET',
    PATH_INFO: decodeURIComponent(url.pathname),
    QUERY_STRING: url.search.slice(1),
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: String(request.headers['content-encoding'] ?? ''),
    REMOTE_USER: 'test',
  }
  const child = spawn(BACKEND, [], { env: env as unknown as NodeJS.ProcessEnv, stdio: ['pipe', 'pipe', 'ignore'] })
  request.pipe(child.stdin)
  child.stdin.on('error', () => undefined) // the backend may answer before it has read everything
  let head = Buffer.alloc(0)
  let begun = false
  child.stdout.on('data', (chunk: Buffer) => {
    if (begun) return void response.write(chunk)
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    begun = true
    const lines = head
      .toString('latin1', 0, end)
      .split('\r\n')
      .map((line) => line.split(': ') as [string, string])
    const status = lines.find(([name]) => name.toLowerCase() === 'status')?.[1] ?? '200'
    response.writeHead(
      Number.parseInt(status, 10),
      Object.fromEntries(lines.filter(([name]) => name.toLowerCase() !== 'status')),
    )
    response.write(head.subarray(end + 4))
  })
  child.stdout.on('end', () => response.end())
  response.on('close', () => child.kill())
}

/** Serves every repository below `root`, to `user`:`password` only. */
export async function startGitServer(root: string, user: string, password: string): Promise<GitServer> {
  const right = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const state: GitServer = { url: '', seen: [], hold: null, close: async () => undefined }
  const server = createServer((request, response) => {
    state.seen.push({ path: request.url ?? '', authorization: request.headers.authorization })
    if (state.hold !== null) {
      state.hold.waiting++
      return
    }
    if (request.headers.authorization !== right) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('HTTP Basic: Access denied')
      return
    }
    if (request.url?.startsWith('/moved/')) {
      response.writeHead(302, { location: request.url.replace('/moved/', '/') }).end()
      return
    }
    serve(root, request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  state.close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return state
}
