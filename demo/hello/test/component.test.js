import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { page } from '../page.js'

const about = { service: 'hello', version: '1.0', commit: 'c0ffee', environment: 'component', hostname: 'here' }

describe('the page', () => {
  it('holds the greeting, the version and the place', () => {
    const html = page('Mia', about)
    for (const part of ['Mia', '1.0', 'component', 'c0ffee']) assert.ok(html.includes(part), part)
  })

  it('lets nobody write into it', () => {
    assert.ok(!page('<script>alert(1)</script>', about).includes('<script>'))
  })
})
