import { createHash, createPublicKey, generateKeyPairSync, randomBytes, randomInt } from 'node:crypto'
import { verifyRegistrationResponse } from '@simplewebauthn/server'
import { describe, expect, it } from 'vitest'
import { type AssertionAsk, authenticatorState, checkAssertion, EDDSA, ES256, RS256 } from '../../audit/assertion'
import { type Assertion, type PasskeyKind, SoftPasskey } from '../../demo/passkey'

const ORIGIN = 'https://shiplock.example.com'
const RP_ID = 'shiplock.example.com'
const challenge = createHash('sha256').update('what was seen').digest('base64url')
const asked = { origin: ORIGIN, rpId: RP_ID, challenge }
const KINDS: PasskeyKind[] = ['ES256', 'EdDSA', 'RS256']
const passkey = SoftPasskey.make()

const ask = (assertion: Assertion, key: Pick<SoftPasskey, 'spki' | 'alg'> = passkey): AssertionAsk => ({
  challenge,
  clientDataJSON: Buffer.from(assertion.clientDataJSON, 'base64url'),
  authenticatorData: Buffer.from(assertion.authenticatorData, 'base64url'),
  signature: Buffer.from(assertion.signature, 'base64url'),
  spki: key.spki,
  alg: key.alg,
  rpId: RP_ID,
  origin: ORIGIN,
})

describe('a passkey in software', () => {
  it.each(KINDS)('registers with %s as browsers do', async (kind) => {
    const made = SoftPasskey.make(kind)
    const verdict = await verifyRegistrationResponse({
      response: made.create({ ...asked, userId: 'dXNlcg' }),
      expectedChallenge: challenge,
      expectedOrigin: ORIGIN,
      expectedRPID: RP_ID,
      requireUserVerification: true,
    })
    expect(verdict.verified).toBe(true)
    expect(verdict.registrationInfo?.credential.id).toBe(made.credentialId)
    expect(Buffer.from(verdict.registrationInfo?.credential.publicKey ?? [])).toEqual(made.cose)
  })

  it('counts its uses, and can be put away and taken out', () => {
    const made = SoftPasskey.make('EdDSA')
    expect(authenticatorState(ask(made.get(asked)).authenticatorData)?.signCount).toBe(1)
    const again = SoftPasskey.from(made.export())
    const second = ask(again.get(asked), made)
    expect(authenticatorState(second.authenticatorData)?.signCount).toBe(2)
    expect(checkAssertion(second)).toBeNull()
  })
})

describe('an assertion', () => {
  it.each(KINDS)('of a passkey holds for what it was asked (%s)', (kind) => {
    const made = SoftPasskey.make(kind)
    expect(checkAssertion(ask(made.get(asked), made))).toBeNull()
  })

  it('says whether the key is backed up', () => {
    const assertion = ask(passkey.get(asked, { backupEligible: true, backedUp: true }))
    expect(checkAssertion(assertion)).toBeNull()
    expect(authenticatorState(assertion.authenticatorData)).toMatchObject({ backupEligible: true, backedUp: true })
  })

  it.each([
    ['another challenge', { challenge: randomBytes(32).toString('base64url') }, 'another challenge'],
    ['another origin', { origin: 'https://shiplock.example.com.evil.test' }, 'another page'],
    ['a sub-domain', { origin: 'https://runs.shiplock.example.com' }, 'another page'],
    ['another port', { origin: 'https://shiplock.example.com:8443' }, 'another page'],
    ['http', { origin: 'http://shiplock.example.com' }, 'another page'],
    ['a page inside another', { crossOrigin: true }, 'inside a page of another origin'],
    ['a page that names another on top', { topOrigin: 'https://evil.test' }, 'inside a page of another origin'],
    ['another site', { rpId: 'example.com' }, 'another site'],
    ['a registration', { type: 'webauthn.create' }, 'webauthn.get'],
    ['a payment', { type: 'payment.get' }, 'webauthn.get'],
    ['nobody present', { up: false }, 'nobody touched'],
    ['nobody verified', { uv: false }, 'did not verify'],
    ['an impossible backup', { backedUp: true }, 'cannot be backed up'],
    ['a signature over something else', { bogusSignature: true }, 'does not hold'],
    ['somebody else’s key', { privateKey: SoftPasskey.make().privateKey }, 'does not hold'],
    ['junk after the signature', { der: 'junk' }, 'one right way'],
    ['a padded number in the signature', { der: 'padded' }, 'one right way'],
    ['a negative number in the signature', { der: 'negative' }, 'one right way'],
    ['a signature of two bare numbers', { der: 'raw' }, 'one right way'],
  ] as const)('with %s is refused', (_what, lies, why) => {
    expect(checkAssertion(ask(passkey.get(asked, lies)))).toContain(why)
  })

  it('holds with either of the two signatures that ECDSA has: authenticators make both', () => {
    expect(checkAssertion(ask(passkey.get(asked, { der: 'high-s' })))).toBeNull()
  })

  it('is not confused about its algorithm', () => {
    const keys = KINDS.map((kind) => SoftPasskey.make(kind))
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'der', type: 'spki' })
    for (const key of keys) {
      const good = ask(key.get(asked), key)
      for (const alg of [ES256, EDDSA, RS256, -7000, 0, -35])
        if (alg !== key.alg) expect(checkAssertion({ ...good, alg })).toMatch(/needs|is not one of/)
      expect(checkAssertion({ ...good, spki: p384 })).toMatch(/needs|does not hold/)
    }
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const weak = ask(keys[2]?.get(asked, { privateKey: short.privateKey }) as Assertion, {
      spki: createPublicKey(short.privateKey).export({ format: 'der', type: 'spki' }),
      alg: RS256,
    })
    expect(checkAssertion(weak)).toContain('at least 2048 bits')
  })

  it('does not hold with the same key written otherwise', () => {
    const good = ask(passkey.get(asked))
    const hybrid = Buffer.from(good.spki)
    hybrid.writeUInt8(6 + ((good.spki.at(-1) ?? 0) & 1), hybrid.length - 65)
    expect(checkAssertion({ ...good, spki: hybrid })).toContain('one right way')
    expect(checkAssertion({ ...good, spki: Buffer.concat([good.spki, Buffer.alloc(1)]) })).toBeTypeOf('string')
  })

  it('that is a registration, taken for a sign-off, is refused', () => {
    const made = passkey.create({ ...asked, userId: 'dXNlcg' })
    const good = ask(passkey.get(asked))
    const clientDataJSON = Buffer.from(made.response.clientDataJSON, 'base64url')
    expect(checkAssertion({ ...good, clientDataJSON })).toContain('webauthn.get')
  })

  it('with a part that is empty, huge, or no JSON is refused, and nothing is thrown', () => {
    const good = ask(passkey.get(asked))
    for (const part of ['clientDataJSON', 'authenticatorData', 'signature', 'spki'] as const)
      for (const bytes of [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(5000), randomBytes(90)])
        expect(checkAssertion({ ...good, [part]: bytes }), `${part} of ${bytes.length}`).toBeTypeOf('string')
    for (const text of ['null', '[]', '"x"', '{"type":"webauthn.get"}', '\ufeff{}', '{"a":'])
      expect(checkAssertion({ ...good, clientDataJSON: Buffer.from(text) })).toBeTypeOf('string')
  })

  it('does not hold once any bit of it is turned', { timeout: 300_000 }, () => {
    // MUTATIONS=100000 and SEED=… repeat a longer search, or one that failed.
    const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
    const many = Number(process.env.MUTATIONS ?? 3000)
    let state = seed
    const below = (n: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return Math.floor((state / 0x80000000) * n)
    }
    const keys = KINDS.map((kind) => SoftPasskey.make(kind))
    const goods = keys.map((key) => ask(key.get(asked), key))
    const parts = ['clientDataJSON', 'authenticatorData', 'signature', 'spki'] as const
    const accepted: string[] = []
    for (let n = 0; n < many; n++) {
      const good = goods[below(goods.length)] as AssertionAsk
      const part = parts[below(parts.length)] ?? 'signature'
      const bytes = Buffer.from(good[part])
      for (let flips = 1 + below(3); flips > 0; flips--) {
        const at = below(bytes.length)
        bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << below(8)), at)
      }
      if (bytes.equals(good[part])) continue
      if (checkAssertion({ ...good, [part]: bytes }) === null) accepted.push(`seed ${seed}, mutation ${n}, ${part}`)
    }
    expect(accepted).toEqual([])
  })
})
