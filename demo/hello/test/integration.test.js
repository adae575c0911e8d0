// Beside a store: .shiplock.yaml starts one for this stage.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'

describe('the service beside its store', () => {
  let server
  let base

  before(async () => {
    server = spawn(process.execPath, ['server.js'], {
      cwd: new URL('..', import.meta.url),
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(server.stdout, 'data', { signal: AbortSignal.timeout(20_000) })
    base = `http://127.0.0.1:${String(line).match(/listening on (\d+)/)[1]}`
  })
  after(() => server.kill('SIGKILL'))

  it('counts visits', async () => {
    const first = Number(await (await fetch(`${base}/visits`)).text())
    const second = Number(await (await fetch(`${base}/visits`)).text())
    assert.ok(first > 0, `the store was not reached at ${process.env.STORE_URL}`)
    assert.equal(second, first + 1)
  })
})
