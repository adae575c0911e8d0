import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Headers } from '../../pipelines/forges/forge'
import { githubIntake } from '../../pipelines/forges/github-webhook'

const SECRETS = { token: 'a-secret-that-nobody-guesses', signingKey: Buffer.alloc(32, 1), signed: true }
const BODY = Buffer.from(
  JSON.stringify({ ref: 'refs/heads/develop', after: 'a'.repeat(40), pusher: { name: 'Zoë 🚢' } }),
)
const NAME = 'x-hub-signature-256'

const sign = (body: Buffer, secret = SECRETS.token) =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
const verify = async (headers: Headers, body: Buffer = BODY, secrets = SECRETS) =>
  githubIntake.verify(headers, body, secrets, 0)

describe('a delivery of GitHub', () => {
  it('is let in with the right signature, whenever it comes', async () => {
    expect(await verify({ [NAME]: sign(BODY) })).toBe(true)
    expect(await githubIntake.verify({ [NAME]: sign(BODY) }, BODY, SECRETS, 9e12)).toBe(true)
  })

  it("agrees with the example of GitHub's documentation", async () => {
    const secrets = { ...SECRETS, token: "It's a Secret to Everybody" }
    const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
    expect(await verify({ [NAME]: signature }, Buffer.from('Hello, World!'), secrets)).toBe(true)
  })

  it('is let in by its signature alone, whether or not the hook is known to sign', async () => {
    expect(await verify({ [NAME]: sign(BODY) }, BODY, { ...SECRETS, signed: false })).toBe(true)
    for (const headers of [{}, { 'x-gitlab-token': SECRETS.token }, { 'x-hub-signature': 'sha1=ab' }]) {
      expect(await verify(headers, BODY, { ...SECRETS, signed: false })).toBe(false)
      expect(githubIntake.hasSecret(headers)).toBe(false)
    }
  })

  it('is refused for every single changed bit of signature and body', async () => {
    const signature = sign(BODY)
    const flips = async (bytes: Buffer, attempt: (changed: Buffer) => Promise<boolean>) => {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = Buffer.from(bytes)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        if (await attempt(changed)) expect.fail(`let in after bit ${bit} had changed`)
      }
    }
    await flips(Buffer.from(signature), (changed) => verify({ [NAME]: changed.toString('latin1') }))
    await flips(BODY, (changed) => verify({ [NAME]: signature }, changed))
  })

  it('is refused when the same JSON comes in other bytes', async () => {
    const spaced = Buffer.from(JSON.stringify(JSON.parse(BODY.toString()), null, 1))
    expect(await verify({ [NAME]: sign(BODY) }, spaced)).toBe(false)
    expect(await verify({ [NAME]: sign(BODY) }, Buffer.concat([Buffer.from('\ufeff'), BODY]))).toBe(false)
  })

  it('is refused where bytes that are no text stand for what was signed', async () => {
    const replaced = Buffer.from('{"ref":"\ufffd"}')
    const raw = Buffer.concat([Buffer.from('{"ref":"'), Buffer.from([0xff]), Buffer.from('"}')])
    expect(raw.toString()).toBe(replaced.toString())
    expect(await verify({ [NAME]: sign(replaced) }, raw)).toBe(false)
  })

  it.each([
    ['of another secret', () => sign(BODY, 'another-secret')],
    ['of another body', () => sign(Buffer.from('{}'))],
    ['by SHA-1', () => `sha1=${createHmac('sha1', SECRETS.token).update(BODY).digest('hex')}`],
    ['by SHA-1 that says SHA-256', () => `sha256=${createHmac('sha1', SECRETS.token).update(BODY).digest('hex')}`],
    ['in base64', () => `sha256=${createHmac('sha256', SECRETS.token).update(BODY).digest('base64')}`],
    ['in upper case', () => sign(BODY).toUpperCase()],
    ['without its kind', () => sign(BODY).slice(7)],
    ['one character short', () => sign(BODY).slice(0, -1)],
    ['one character long', () => `${sign(BODY)}0`],
    ['with a space', () => ` ${sign(BODY)}`],
    ['sent twice, as node joins them', () => `${sign(BODY)}, ${sign(BODY)}`],
    ['sent twice, as a list', () => [sign(BODY), sign(BODY)]],
    ['that is nothing', () => ''],
    ['of a megabyte', () => `sha256=${'a'.repeat(1_000_000)}`],
    ['in two lines', () => `${sign(BODY)}\n`],
  ])('is refused with a signature %s', async (_what, signature) => {
    expect(await verify({ [NAME]: signature() })).toBe(false)
  })

  it('is refused without a signature, and before its body is read', async () => {
    expect(await verify({})).toBe(false)
    expect(githubIntake.hasSecret({})).toBe(false)
    expect(githubIntake.hasSecret({ [NAME]: sign(BODY) })).toBe(true)
    // However it came: verify then refuses it.
    expect(githubIntake.hasSecret({ [NAME]: [sign(BODY), ''] })).toBe(true)
  })

  it('is refused where its own secret or the body is empty', async () => {
    expect(await verify({ [NAME]: sign(BODY, '') }, BODY, { ...SECRETS, token: '' })).toBe(false)
    expect(await verify({ [NAME]: sign(Buffer.alloc(0)) }, Buffer.alloc(0))).toBe(false)
  })

  it('has a name of its own, kept when it comes again', () => {
    const id = '72d3162e-cc78-11e3-81ab-4c9367dc0958'
    expect(githubIntake.deliveryKey({ 'x-github-delivery': id })).toBe(id)
    for (const odd of [undefined, '', [id, id], `${id}, ${id}`, 'a'.repeat(129), 'näme'])
      expect(githubIntake.deliveryKey({ 'x-github-delivery': odd })).toBeNull()
  })

  it('names its event, and the name is all that reading it again needs', () => {
    expect(githubIntake.eventName({ 'x-github-event': 'pull_request' })).toBe('pull_request')
    expect(githubIntake.eventName({})).toBe('unknown')
    expect(githubIntake.eventName({ 'x-github-event': 'x'.repeat(500) })).toHaveLength(100)
    expect(githubIntake.headersOf('push')).toEqual({ 'x-github-event': 'push' })
  })
})

/** Everything that is loaded along with a file of ours, by its import statements, below Octokit too. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export) (?!type).*?from ["'](.+)["']/gm,
  )) {
    const isOurs = target.startsWith('.')
    const next = isOurs ? join(dirname(file), `${target}.ts`) : target
    if (seen.has(next)) continue
    seen.add(next)
    if (isOurs) loadedWith(next, seen)
    else if (target.startsWith('@octokit/')) loadedWith(fileURLToPath(import.meta.resolve(target)), seen)
  }
  return seen
}

it('the web process loads nothing with it that talks to GitHub', () => {
  const loaded = [...loadedWith(fileURLToPath(new URL('../../pipelines/forges/intake.ts', import.meta.url)))]
  expect(loaded).toContain('@octokit/webhooks')
  expect(loaded.filter((name) => /octokit|gitbeaker/.test(name)).sort()).toEqual([
    '@octokit/webhooks',
    '@octokit/webhooks-methods',
  ])
})
