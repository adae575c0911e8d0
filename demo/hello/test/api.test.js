import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'

describe('the service', () => {
  let server
  let base

  before(async () => {
    server = spawn(process.execPath, ['server.js'], {
      cwd: new URL('..', import.meta.url),
      env: { ...process.env, PORT: '0', SHIPLOCK_COMMIT: 'c0ffee', SHIPLOCK_ENVIRONMENT: 'api-test' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(server.stdout, 'data', { signal: AbortSignal.timeout(20_000) })
    base = `http://127.0.0.1:${String(line).match(/listening on (\d+)/)[1]}`
  })
  after(() => server.kill('SIGKILL'))

  it('is healthy', async () => {
    const response = await fetch(`${base}/healthz`)
    assert.equal(response.status, 200)
    assert.equal(await response.text(), 'ok\n')
  })

  it('says which release it is', async () => {
    const about = await (await fetch(`${base}/version`)).json()
    assert.equal(about.service, 'hello')
    assert.equal(about.commit, 'c0ffee')
    assert.equal(about.environment, 'api-test')
    assert.ok(about.version && about.hostname)
  })

  it('greets whom the address names', async () => {
    const response = await fetch(`${base}/?name=Mia`)
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.match(await response.text(), /, Mia!<\/h1>/)
  })

  it('says no to what it does not know', async () => {
    assert.equal((await fetch(`${base}/constructor`)).status, 404)
    assert.equal((await fetch(`${base}//`)).status, 404)
    assert.equal((await fetch(base, { method: 'POST' })).status, 405)
  })

  it('ends on SIGTERM', async () => {
    const ended = once(server, 'exit', { signal: AbortSignal.timeout(20_000) })
    server.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
  })
})
