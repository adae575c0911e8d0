import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Headers } from '../../pipelines/forges/forge'
import { gitlabIntake } from '../../pipelines/forges/gitlab-webhook'

const NOW = 1_767_225_600_000
const SECRETS = { token: 'a-token-that-nobody-guesses', signingKey: Buffer.from([...Array(32).keys()]), signed: true }
const ID = 'f5e5f430-f57b-4e6e-9fac-d9128cd7232f'
const BODY = readFileSync(new URL('../fixtures/gitlab/push-update.json', import.meta.url))

const sign = (id: string, timestamp: string, body: Buffer, key = SECRETS.signingKey) =>
  `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`

/** The headers of a right delivery, signed at NOW. */
function signed(body: Buffer = BODY, seconds = NOW / 1000): Record<string, string> {
  const timestamp = String(seconds)
  return {
    'webhook-id': ID,
    'webhook-timestamp': timestamp,
    'webhook-signature': sign(ID, timestamp, body),
    'x-gitlab-event': 'Push Hook',
  }
}
const verify = (headers: Headers, body: Buffer = BODY, secrets = SECRETS, now = NOW) =>
  gitlabIntake.verify(headers, body, secrets, now)

const unsigned = { ...SECRETS, signed: false }
const withToken = { 'x-gitlab-token': SECRETS.token }

describe('a signed webhook', () => {
  it('is let in with the right signature', () => {
    expect(verify(signed())).toBe(true)
  })

  it('agrees with a signature that was made elsewhere, by openssl', () => {
    // printf '%s' 'msg_1.1767225600.{"object_kind":"push"}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f -binary | base64
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': '1767225600',
      'webhook-signature': 'v1,lAio9m9Wh1qIdzkwkok+K1KIh9kx+PFUwqMqGzZOLno=',
    }
    expect(verify(headers, Buffer.from('{"object_kind":"push"}'))).toBe(true)
  })

  it('is let in where one of several signatures is right, as during a change of keys', () => {
    const headers = signed()
    const other = sign(ID, headers['webhook-timestamp'] ?? '', BODY, randomBytes(32))
    expect(verify({ ...headers, 'webhook-signature': `${other} ${headers['webhook-signature']}` })).toBe(true)
    expect(verify({ ...headers, 'webhook-signature': `${headers['webhook-signature']} v1a,abcd` })).toBe(true)
    expect(verify({ ...headers, 'webhook-signature': other })).toBe(false)
  })

  it('is refused for every single changed bit of signature, time, id and body', () => {
    const headers = signed()
    let tried = 0
    const flips = (bytes: Buffer, attempt: (changed: Buffer) => boolean) => {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = Buffer.from(bytes)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        if (attempt(changed))
          expect.fail(`let in after bit ${bit} of ${JSON.stringify(bytes.toString('latin1', 0, 40))} had changed`)
        tried++
      }
    }
    for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
      flips(Buffer.from(headers[name] ?? ''), (changed) => verify({ ...headers, [name]: changed.toString('latin1') }))
    }
    const small = Buffer.from(
      JSON.stringify({ object_kind: 'push', ref: 'refs/heads/develop', after: 'a'.repeat(500) }),
    )
    const smallHeaders = signed(small)
    flips(small, (changed) => verify(smallHeaders, changed))
    expect(tried).toBeGreaterThan(4000)
  })

  it('is refused when the same JSON comes in other bytes', () => {
    expect(verify(signed(), Buffer.from(JSON.stringify(JSON.parse(BODY.toString()))))).toBe(false)
  })

  it.each([
    [
      'hex instead of base64',
      () =>
        `v1,${createHmac('sha256', SECRETS.signingKey)
          .update(`${ID}.${NOW / 1000}.`)
          .update(BODY)
          .digest('hex')}`,
    ],
    ['upper case', () => (signed()['webhook-signature'] ?? '').toUpperCase()],
    ['no version', () => (signed()['webhook-signature'] ?? '').slice(3)],
    ['another version', () => (signed()['webhook-signature'] ?? '').replace('v1', 'v2')],
    ['one character less', () => (signed()['webhook-signature'] ?? '').slice(0, -1)],
    ['one character more', () => `${signed()['webhook-signature']}A`],
    ['no padding', () => (signed()['webhook-signature'] ?? '').replace(/=+$/, '')],
    ['another spelling of the same base64', () => respell(signed()['webhook-signature'] ?? '')],
    ['a trailing space', () => `${signed()['webhook-signature']} `],
    ['nothing', () => ''],
    ['the version alone', () => 'v1,'],
    ['a list without end', () => `${'v1,AAAA '.repeat(5000)}${signed()['webhook-signature']}`],
    ['a megabyte', () => `v1,${'A'.repeat(1_000_000)}`],
    ['an emoji', () => 'v1,🚢'],
  ])('is refused with a signature of %s', (_what, signature) => {
    expect(verify({ ...signed(), 'webhook-signature': signature() })).toBe(false)
  })

  it('is refused when any of its headers came twice', () => {
    for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
      const headers = signed()
      const value = headers[name] ?? ''
      expect(verify({ ...headers, [name]: [value, value] })).toBe(false)
      expect(verify({ ...headers, [name]: `${value}, ${value}` }), 'as node joins them').toBe(false)
    }
    const wrongFirst = `v1,${'A'.repeat(43)}=, ${signed()['webhook-signature']}`
    expect(verify({ ...signed(), 'webhook-signature': wrongFirst })).toBe(false)
  })

  it('is refused when any of its headers is missing', () => {
    for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
      const { [name]: _gone, ...rest } = signed()
      expect(verify(rest)).toBe(false)
    }
  })

  it('counts for five minutes, in both directions', () => {
    for (const [seconds, right] of [
      [0, true],
      [299, true],
      [300, true],
      [301, false],
      [-300, true],
      [-301, false],
      [86_400, false],
    ] as const) {
      expect(verify(signed(), BODY, SECRETS, NOW + seconds * 1000), `${seconds} s later`).toBe(right)
    }
  })

  it.each(['', 'now', '1767225600.5', '-1767225600', '0x6955b900', '1767225600 ', 'Infinity', '1e9', '١٧٦٧٢٢٥٦٠٠'])(
    'is refused with %j for a time, even signed',
    (timestamp) => {
      expect(
        verify({ ...signed(), 'webhook-timestamp': timestamp, 'webhook-signature': sign(ID, timestamp, BODY) }),
      ).toBe(false)
    },
  )

  it('is refused with an id that could move the border between id, time and body', () => {
    const id = `${ID}.1767225600`
    expect(verify({ ...signed(), 'webhook-id': id, 'webhook-signature': sign(id, '1767225600', BODY) })).toBe(false)
  })

  it('never falls back to the token', () => {
    expect(verify(withToken)).toBe(false)
    expect(verify({ ...signed(), ...withToken, 'webhook-signature': `v1,${'A'.repeat(43)}=` })).toBe(false)
  })

  it('is refused where its own key is empty or short', () => {
    for (const length of [0, 16, 31, 33]) {
      const signingKey = Buffer.alloc(length)
      const headers = { ...signed(), 'webhook-signature': sign(ID, String(NOW / 1000), BODY, signingKey) }
      expect(verify(headers, BODY, { ...SECRETS, signingKey })).toBe(false)
    }
  })
})

/** The last character before "=" carries two bits that base64 ignores: another letter decodes to the same bytes. */
function respell(signature: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const at = signature.length - 2
  const other = letters[letters.indexOf(signature[at] ?? '') ^ 1]
  const changed = `${signature.slice(0, at)}${other}=`
  expect(Buffer.from(changed.slice(3), 'base64')).toEqual(Buffer.from(signature.slice(3), 'base64'))
  return changed
}

describe('a webhook of a GitLab that does not sign', () => {
  it('is let in with its token', () => {
    expect(verify(withToken, BODY, unsigned)).toBe(true)
  })

  it('is let in with a signature, should the forge have begun to sign', () => {
    expect(verify(signed(), BODY, unsigned)).toBe(true)
  })

  it('is refused when a signature is there and wrong, whatever the token', () => {
    for (const signature of [`v1,${'A'.repeat(43)}=`, '', ['a', 'b']]) {
      expect(verify({ ...withToken, 'webhook-signature': signature }, BODY, unsigned)).toBe(false)
    }
  })

  it.each([
    ['another token', 'x'],
    ['a token of the same length', SECRETS.token.replace('a', 'b')],
    ['the beginning', SECRETS.token.slice(0, -1)],
    ['more than the token', `${SECRETS.token}x`],
    ['upper case', SECRETS.token.toUpperCase()],
    ['nothing', ''],
  ])('is refused with %s', (_what, token) => {
    expect(verify({ 'x-gitlab-token': token }, BODY, unsigned)).toBe(false)
  })

  it('is refused when the token came twice', () => {
    expect(verify({ 'x-gitlab-token': [SECRETS.token, SECRETS.token] }, BODY, unsigned)).toBe(false)
    expect(verify({ 'x-gitlab-token': `${SECRETS.token}, ${SECRETS.token}` }, BODY, unsigned)).toBe(false)
  })

  it('is refused where no token was ever set', () => {
    for (const headers of [{}, { 'x-gitlab-token': '' }, withToken]) {
      expect(verify(headers, BODY, { ...unsigned, token: '' })).toBe(false)
    }
  })
})

describe('before the body is read', () => {
  it('a request without any secret is known', () => {
    expect(gitlabIntake.hasSecret({})).toBe(false)
    expect(gitlabIntake.hasSecret({ 'x-gitlab-token': '' })).toBe(false)
    expect(gitlabIntake.hasSecret(withToken)).toBe(true)
    expect(gitlabIntake.hasSecret(signed())).toBe(true)
  })

  it('the delivery has the name that is kept over its retries, the signed one first', () => {
    expect(gitlabIntake.deliveryKey({ 'idempotency-key': ID, 'x-gitlab-event-uuid': 'x' })).toBe(ID)
    expect(gitlabIntake.deliveryKey({ 'webhook-id': ID, 'idempotency-key': 'other' })).toBe(ID)
    expect(gitlabIntake.deliveryKey({ 'x-gitlab-webhook-uuid': 'changes on resend' })).toBeNull()
    expect(gitlabIntake.deliveryKey({ 'idempotency-key': [ID, ID] })).toBeNull()
    expect(gitlabIntake.deliveryKey({ 'idempotency-key': 'x'.repeat(5000) })).toBeNull()
  })

  it('the event has a name of at most 100 characters', () => {
    expect(gitlabIntake.eventName({ 'x-gitlab-event': 'Push Hook' })).toBe('Push Hook')
    expect(gitlabIntake.eventName({})).toBe('unknown')
    expect(gitlabIntake.eventName({ 'x-gitlab-event': 'x\n'.repeat(500) })).toBe('x')
    expect(gitlabIntake.eventName({ 'x-gitlab-event': 'é'.repeat(500) })).toHaveLength(100)
  })

  it('is understood again, from the inbox, by the name that was kept of it', () => {
    const headers = gitlabIntake.headersOf('Push Hook')
    expect(gitlabIntake.eventName(headers)).toBe('Push Hook')
    expect(gitlabIntake.parse(headers, BODY)).toEqual(gitlabIntake.parse({ 'x-gitlab-event': 'Push Hook' }, BODY))
  })
})
