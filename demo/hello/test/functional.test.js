// Against the environment that the release was just deployed to: SHIPLOCK_URL.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

const base = process.env.SHIPLOCK_URL ?? 'http://127.0.0.1:8085'

describe('the release in its environment', () => {
  it('is the one that was deployed', async () => {
    const about = await (await fetch(`${base}/version`)).json()
    assert.equal(about.environment, process.env.SHIPLOCK_ENVIRONMENT ?? 'local')
    assert.equal(about.service, 'hello')
  })

  it('greets people', async () => {
    const html = await (await fetch(`${base}/?name=Mia`)).text()
    assert.match(html, /, Mia!<\/h1>/)
  })

  it('is healthy', async () => assert.equal((await fetch(`${base}/healthz`)).status, 200))
})
