import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { hostname } from 'node:os'
import { page } from './page.js'
import { countVisit } from './visits.js'

const { name, version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
const port = Number(process.env.PORT || 8085)

const about = {
  service: name,
  version: process.env.SHIPLOCK_VERSION || version,
  commit: process.env.SHIPLOCK_COMMIT || 'unknown',
  environment: process.env.SHIPLOCK_ENVIRONMENT || 'local',
  hostname: hostname(),
}

const answers = {
  '/': (url) => ['text/html; charset=utf-8', page(url.searchParams.get('name') ?? '', about)],
  '/version': () => ['application/json', `${JSON.stringify(about)}\n`],
  '/visits': async () => ['text/plain; charset=utf-8', `${(await countVisit()) ?? 'unknown'}\n`],
  '/healthz': () => ['text/plain; charset=utf-8', 'ok\n'],
}

const server = createServer(async (request, response) => {
  const url = URL.canParse(request.url, 'http://localhost') ? new URL(request.url, 'http://localhost') : null
  const answer = url && Object.hasOwn(answers, url.pathname) ? answers[url.pathname] : null
  if (!answer) return send(response, 404, 'text/plain; charset=utf-8', 'There is nothing here.\n')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    return send(response, 405, 'text/plain; charset=utf-8', 'Only GET and HEAD.\n')
  }
  const [type, body] = await answer(url)
  send(response, 200, type, body)
})

function send(response, status, type, body) {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

server.listen(port, () => console.log(`listening on ${server.address().port}`))

// Requests under way are finished; connections that only wait for the next one are closed.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    console.log(`${signal}: closing`)
    server.close(() => process.exit(0))
    server.closeIdleConnections()
    setTimeout(() => process.exit(0), 5000).unref()
  })
}
