// Codes of the installation: whoever was given one on paper may have one passkey admitted with it. Nobody stores a code: the
// worker keeps a key derived from it, the page sends a proof made with that key, and the web process sees neither.
import { createHash, createHmac, randomInt, timingSafeEqual } from 'node:crypto'
import { chownSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonical, type Json, sha256 } from '../audit/canonical'
import { lockFile, withFileLock } from '../prisma/file-lock.mjs'

const FILE = 'enrolment-codes.json'
const PREFIX = 'shiplock/enrolment/v1\n'
/** No letters that are mistaken for others on paper. */
const LETTERS = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789'
/** 24 letters of 31: 118 bits, more than anybody can try with a proof at hand. */
const GROUPS = 6
const GROUP = 4
/** Codes in force at once, used ones included: a file that only grows is read slowly one day. */
const MOST = 100
const LOCK_MS = 10_000

interface Code {
  /** SHA-256 of the prefix and the code, base64. */
  key: string
  /** ISO 8601 */
  madeAt: string
  /** The passkey that was admitted with it, and no other will be. */
  usedBy: string | null
}

const keyOf = (code: string): Buffer => createHash('sha256').update(PREFIX).update(plain(code)).digest()

/** As people type it: case and what stands between the letters do not matter. */
const plain = (code: string) => code.toUpperCase().replaceAll(/[^A-Z0-9]/g, '')

/** What a proof covers: that this key is this account's. The same as a certificate's claim, without roles. */
export const enrolmentClaim = (p: { accountId: number; credentialId: string; spki: Uint8Array }): Json => ({
  what: 'passkey',
  account: p.accountId,
  credential: p.credentialId,
  spki: Buffer.from(p.spki).toString('base64'),
})

/** As the page makes it (app/_ui/passkey.ts), hex. */
export const proofOf = (code: string, claim: Json): string =>
  createHmac('sha256', keyOf(code)).update(canonical(claim)).digest('hex')

function readCodes(keys: string): Code[] {
  const file = join(keys, FILE)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Code[]) : []
}

/** Several workers and the command line may want to at once. Whoever owns the folder owns the file: workers read what an administrator made. */
const change = <T>(keys: string, work: (codes: Code[]) => { codes: Code[]; answer: T }): Promise<T> =>
  withFileLock(
    lockFile(keys, 'enrolment-codes'),
    async () => {
      const { codes, answer } = work(readCodes(keys))
      const part = join(keys, `${FILE}.${process.pid}`)
      writeFileSync(part, `${JSON.stringify(codes, null, 2)}\n`, { mode: 0o600, flush: true })
      const { uid, gid } = statSync(keys)
      if (process.getuid?.() === 0 && uid !== 0) chownSync(part, uid, gid)
      renameSync(part, join(keys, FILE))
      return answer
    },
    { timeoutMs: LOCK_MS },
  )

/**
 * Makes one more code, for one passkey. Shown once, to whoever runs the machine.
 * @param keys folder of keys; whoever may write there is the worker, or its administrator
 */
export function makeEnrolmentCode(keys: string): Promise<string> {
  const letters = Array.from({ length: GROUPS * GROUP }, () => LETTERS[randomInt(LETTERS.length)]).join('')
  const code = (letters.match(new RegExp(`.{${GROUP}}`, 'g')) ?? []).join('-')
  const made: Code = { key: keyOf(code).toString('base64'), madeAt: new Date().toISOString(), usedBy: null }
  // The oldest used ones make room: that they were used stands in the trail for ever.
  return change(keys, (codes) => {
    const used = codes.filter((c) => c.usedBy !== null)
    const kept = codes.length < MOST ? codes : codes.filter((c) => c !== used[0])
    if (kept.length >= MOST)
      throw new Error(`${MOST} enrolment codes are unused: use those, or delete them from ${join(keys, FILE)}`)
    return { codes: [...kept, made], answer: code }
  })
}

/** The codes of a new installation, to be printed once; none where there have been any. */
export async function firstEnrolmentCodes(keys: string, howMany = 2): Promise<string[]> {
  if (existsSync(join(keys, FILE))) return []
  const codes: string[] = []
  for (let n = 0; n < howMany; n++) codes.push(await makeEnrolmentCode(keys))
  return codes
}

/**
 * Which code this proof was made with, and uses it up for this passkey: from now on it admits no other. The same passkey may
 * come again with it, because a worker may die between here and its commit: whether it did commit stands in the trail.
 * @returns a name for the code that gives nothing away; or why not, as half a sentence
 */
export function spendEnrolmentCode(
  keys: string,
  proof: string,
  claim: { accountId: number; credentialId: string; spki: Uint8Array },
): Promise<{ code: string } | string> {
  const wanted = Buffer.from(/^[0-9a-f]{64}$/.test(proof) ? proof : '', 'hex')
  const text = canonical(enrolmentClaim(claim))
  return change<{ code: string } | string>(keys, (codes) => {
    const match = codes.find(({ key }) => {
      const right = createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest()
      return right.length === wanted.length && timingSafeEqual(right, wanted)
    })
    if (match === undefined) return { codes, answer: 'the enrolment code is none of this installation' }
    if (match.usedBy !== null && match.usedBy !== claim.credentialId)
      return { codes, answer: 'the enrolment code was used for another passkey already' }
    const used = codes.map((c) => (c === match ? { ...c, usedBy: claim.credentialId } : c))
    return { codes: used, answer: { code: sha256(match.key) } }
  })
}
