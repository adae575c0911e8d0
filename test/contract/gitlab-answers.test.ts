// What the GitLab driver makes of every answer that GitLab, or something in front of it, can give.
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { FAULTS, type Fault } from '../../pipelines/fault'
import {
  type Asked,
  faultOf,
  forge,
  json,
  plain,
  SECRETS,
  scripted,
  serveScript,
  status,
  TOKEN,
} from './scripted-gitlab'

serveScript()

describe('an answer that is no answer', () => {
  it.each([
    [400, 'forge.refused'],
    [401, 'forge.denied'],
    [403, 'forge.denied'],
    [404, 'forge.missing'],
    [405, 'forge.refused'],
    [409, 'forge.refused'],
    [413, 'forge.refused'],
    [422, 'forge.refused'],
    [429, 'forge.busy'],
    [500, 'forge.unreachable'],
    [502, 'forge.unreachable'],
    [503, 'forge.unreachable'],
    [504, 'forge.unreachable'],
  ] as const)('%i is %s, asked once, in the words of the forge', async (code, fault) => {
    scripted.answer = json(code, { message: `the forge says ${code}` })
    for (const call of [
      () => forge().project('a/b'),
      () => forge().setStatus(7, status()),
      () => forge().ensureHook(7, 'http://x/', SECRETS),
    ]) {
      scripted.asked = []
      const caught = await faultOf(call())
      expect(caught.code).toBe(fault)
      expect(caught.message).toContain(`the forge says ${code}`)
      expect(caught.message).toContain('/api/v4/projects/')
      expect(scripted.asked).toHaveLength(1)
    }
  })

  it.each([
    ['seconds', { 'retry-after': '17' }, 17_000, 17_000],
    ['a date', { 'retry-after': new Date(Date.now() + 30_000).toUTCString() }, 25_000, 30_000],
    ['a date that has passed', { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 0, 0],
    ["GitLab's own clock", { 'ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 60) }, 50_000, 61_000],
    ['a year', { 'retry-after': '31536000' }, 3_600_000, 3_600_000],
  ])('429 with %s says when to come back, and does not wait itself', async (_what, headers, least, most) => {
    scripted.answer = plain(429, 'Retry later', headers)
    const since = performance.now()
    const fault = await faultOf(forge().whoAmI())
    expect(fault.code).toBe('forge.busy')
    expect(fault.retryAfterMs).toBeGreaterThanOrEqual(least)
    expect(fault.retryAfterMs).toBeLessThanOrEqual(most)
    expect(performance.now() - since).toBeLessThan(1000)
  })

  it('429 without a time, as of the limits inside GitLab, is busy without one', async () => {
    scripted.answer = json(429, {
      message: { error: 'This endpoint has been requested too many times. Try again later.' },
    })
    const fault = await faultOf(forge().whoAmI())
    expect([fault.code, fault.retryAfterMs]).toEqual(['forge.busy', undefined])
    expect(fault.message).toContain('too many times')
  })

  it('503 may say when to come back as well', async () => {
    scripted.answer = plain(503, 'maintenance', { 'retry-after': '120' })
    expect(await faultOf(forge().whoAmI())).toMatchObject({ code: 'forge.unreachable', retryAfterMs: 120_000 })
  })

  it('the lock on commit statuses is busy: it can be tried again', async () => {
    scripted.answer = json(409, { message: '409 Another update to this commit status is in progress' })
    expect(await faultOf(forge().setStatus(7, status()))).toMatchObject({ code: 'forge.busy' })
  })

  it('nobody listens: which address, and why', async () => {
    const fault = await faultOf(forge(5000, 'http://127.0.0.1:9').whoAmI())
    expect(fault.code).toBe('forge.unreachable')
    expect(fault.message).toMatch(/^GET http:\/\/127\.0\.0\.1:9\/api\/v4\/user: .*ECONNREFUSED|bad port/)
  })

  it('the connection breaks in the middle', async () => {
    scripted.answer = (_request, response) =>
      void response.writeHead(200, { 'content-length': '1000' }).write('{"id":', () => response.destroy())
    expect(await faultOf(forge().whoAmI())).toMatchObject({ code: 'forge.unreachable' })
  })

  it.each([
    ['never comes', () => undefined],
    [
      'begins and never ends',
      (_request: Asked, response: ServerResponse) =>
        void response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
    ],
  ])('an answer that %s ends at the deadline', async (_what, silence) => {
    scripted.answer = silence
    const since = performance.now()
    const fault = await faultOf(forge(200).whoAmI())
    expect(fault).toMatchObject({
      code: 'forge.unreachable',
      message: expect.stringContaining('no answer within 0.2 s'),
    })
    expect(performance.now() - since).toBeLessThan(3000)
  })

  it('a redirect is not followed, and the token goes nowhere else', async () => {
    scripted.answer = plain(302, '', { location: `${scripted.url}/elsewhere?token=x` })
    const fault = await faultOf(forge().whoAmI())
    expect(fault).toMatchObject({
      code: 'forge.refused',
      message: expect.stringContaining(`a redirect to ${scripted.url}: set the forge's address`),
    })
    expect(scripted.asked).toHaveLength(1)
  })

  it('an answer without end is cut off', async () => {
    scripted.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        while (!response.destroyed && response.write(' '.repeat(1024 * 1024)));
      }
      response.on('drain', more)
      more()
    }
    const fault = await faultOf(forge().whoAmI())
    expect(fault).toMatchObject({ code: 'forge.refused', message: expect.stringContaining('larger than 10 MiB') })
  })

  it.each([
    ['a sign-in page', '<html>Sign in</html>', 'text/html'],
    ['nothing', '', 'application/json'],
    ['broken JSON', '{"id":', 'application/json'],
    ['null', 'null', 'application/json'],
    ['a list', '[]', 'application/json'],
    ['a user without a number', '{"id":"7","username":"bot"}', 'application/json'],
  ])('200 with %s is not taken for a user', async (_what, body, type) => {
    scripted.answer = (_request, response) => void response.writeHead(200, { 'content-type': type }).end(body)
    expect(await faultOf(forge().whoAmI())).toMatchObject({ code: 'forge.unreachable' })
  })

  it('an error page of a proxy is named, not quoted', async () => {
    scripted.answer = (_request, response) =>
      void response.writeHead(502, { 'content-type': 'text/html' }).end('<html><h1>502 Bad Gateway</h1>')
    const fault = await faultOf(forge().whoAmI())
    expect(fault.message).toContain('502 a web page, not an answer of the API')
  })

  it('a forge that repeats our secrets is not quoted with them', async () => {
    scripted.answer = json(400, {
      message: `bad ${TOKEN} ${SECRETS.token} whsec_${SECRETS.signingKey.toString('base64')}`,
    })
    for (const call of [forge().whoAmI(), forge().ensureHook(7, 'http://x/', SECRETS)]) {
      const fault = await call.catch((error: Fault) => error)
      expect(JSON.stringify([(fault as Fault).message, fault])).not.toContain(TOKEN)
    }
    await faultOf(forge().ensureHook(7, 'http://x/', SECRETS))
  })

  it('every fault is one of the table', async () => {
    scripted.answer = json(418, {})
    expect(Object.keys(FAULTS)).toContain((await faultOf(forge().whoAmI())).code)
  })
})
