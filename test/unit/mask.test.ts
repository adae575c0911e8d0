import { describe, expect, it } from 'vitest'
import { Mask } from '../../pipelines/mask'

const SECRET = 'glpat-Zx9+/"kQ=ab'
const through = (pieces: Buffer[], secrets = [SECRET]) => {
  const mask = new Mask(secrets)
  return Buffer.concat([...pieces.map((p) => mask.push(p)), mask.end()]).toString()
}

describe('secrets in a log', () => {
  const forms: [string, string][] = [
    ['as it is', SECRET],
    ['base64', Buffer.from(SECRET).toString('base64')],
    ['base64 after one byte', Buffer.from(`x${SECRET}`).toString('base64')],
    ['base64 after two bytes', Buffer.from(`xy${SECRET}`).toString('base64')],
    ['base64 of user and token', Buffer.from(`oauth2:${SECRET}`).toString('base64')],
    ['base64url', Buffer.from(SECRET).toString('base64url')],
    ['URL-encoded', encodeURIComponent(SECRET)],
    ['JSON-escaped', JSON.stringify(SECRET)],
    ['hex', Buffer.from(SECRET).toString('hex')],
  ]
  it.each(forms)('are masked %s, wherever the output is split', (_name, form) => {
    const bytes = Buffer.from(`before ${form} after`)
    for (let at = 0; at <= bytes.length; at++) {
      const text = through([bytes.subarray(0, at), bytes.subarray(at)])
      expect(text).toContain('[masked]')
      expect(text.startsWith('before ')).toBe(true)
      expect(text.endsWith(' after')).toBe(true)
      expect(text).not.toContain(form)
    }
  })
  it('byte by byte', () =>
    expect(through([...Buffer.from(`a ${SECRET}${SECRET} b`)].map((b) => Buffer.from([b])))).toBe(
      'a [masked][masked] b',
    ))
  it('the start of a secret that goes on differently is shown', () =>
    expect(through([Buffer.from('glpat-Zx'), Buffer.from('nothing')])).toBe('glpat-Zxnothing'))
  it('what is too short to be a secret is left alone', () =>
    expect(through([Buffer.from('the cat sat')], ['cat'])).toBe('the cat sat'))
  it('without secrets the bytes pass as they are', () =>
    expect(through([Buffer.from([0xff, 0, 1])], [])).toBe(Buffer.from([0xff, 0, 1]).toString()))
})
