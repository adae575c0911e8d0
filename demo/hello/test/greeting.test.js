import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { escapeHtml, greet } from '../greeting.js'
import { page } from '../page.js'

const about = { version: '1.0', commit: '0123456789abcdef', environment: 'test', hostname: 'a1b2' }

describe('a greeting', () => {
  it('names whom it greets', () => assert.match(greet('Mia'), /^\p{Lu}[\p{L} ]+, Mia!$/u))
  it('is for the world when nobody is named', () => {
    assert.match(greet(), /, world!$/)
    assert.equal(greet('   '), greet())
  })
  it('has single blanks only', () => assert.equal(greet('  Mia \n Rossi '), greet('Mia Rossi')))
  it('cuts a name that is too long', () => {
    assert.match(greet('x'.repeat(41)), /, x{39}…!$/)
    assert.match(greet('x'.repeat(40)), /, x{40}!$/)
  })
})

describe('the page', () => {
  it('greets by name', () => assert.ok(page('Mia', about).includes(`<h1>${greet('Mia')}</h1>`)))
  it('tells the release and the place', () => {
    for (const part of ['1.0', '0123456789ab<', 'test', 'a1b2']) assert.ok(page('', about).includes(part), part)
  })
  it('shows markup in a name as text', () => {
    assert.equal(escapeHtml(`<a href="'&">`), '&#60;a href=&#34;&#39;&#38;&#34;&#62;')
    assert.ok(!page('<script>alert(1)</script>', about).includes('<script>'))
  })
})
