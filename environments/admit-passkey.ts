import { keyProblem } from '../audit/assertion'
import { sha256 } from '../audit/canonical'
import { certify, passkeyClaim, type Signer } from '../audit/certificate'
import { readMemory, writeMemory } from '../audit/keys'
import { asWorker, type Context } from '../pipelines/context'
import { type Actor, NOW, record, type Tx, tell, transaction } from '../prisma/record'
import { assertionProblem } from './assertion'
import { spendEnrolmentCode } from './enrolment-code'
import { PASSKEY, type PasskeyStatus } from './passkey'
import { admittedKey, signingRoles } from './passkey-key'
import { readVouch, type Vouched, VouchedShape, vouchChallenge } from './vouch'

/** Who may vouch for somebody else's passkey. */
const VOUCHING = ['admin', 'owner', 'ops']

interface Proposed {
  id: number
  accountId: number
  credentialId: string
  spki: Buffer
  alg: number
  status: PasskeyStatus
  proof: string | null
  vouch: unknown
  roles: unknown
  certificate: string | null
  disabled: boolean
  now: Date
}

/** Admitted with this behind it; or why not, as half a sentence. */
type Verdict = { roles: string[]; data: Record<string, unknown> } | string

/**
 * Judges a passkey that a code was given for, or that somebody vouched for: the web process may be taken over, so what it
 * wrote into the row is a request. A removed one is remembered outside the database. Safe to repeat.
 */
export async function admitPasskey(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const row = await takePasskey(tx, id)
    if (row === null) return
    if (row.status === 'removed') rememberRemoved(context.trail, row.credentialId)
    else if (row.proof !== null || row.vouch !== null) await judge(context, tx, row)
    await tx.query('UPDATE "Passkey" SET "dueAt" = NULL, proof = NULL WHERE id = $1', [id])
  })
}

async function takePasskey(tx: Tx, id: number): Promise<Proposed | null> {
  const { rows } = await tx.query(
    `SELECT k.id, k."accountId", k."credentialId", k.spki, k.alg, k.status, k.proof, k.vouch, k.roles, k.certificate,
       a."disabledAt" IS NOT NULL AS disabled, clock_timestamp() AS now
     FROM "Passkey" k JOIN "Account" a ON a.id = k."accountId"
     WHERE k.id = $1 AND k."dueAt" <= clock_timestamp() FOR UPDATE OF k`,
    [id],
  )
  return (rows[0] as Proposed | undefined) ?? null
}

/** The database may be put back to a time before the removal: this file is not. */
function rememberRemoved(trail: string, credentialId: string) {
  const memory = readMemory(trail)
  if (!memory.removed.includes(credentialId))
    writeMemory(trail, { ...memory, removed: [...memory.removed, credentialId] })
}

async function judge(context: Context, tx: Tx, row: Proposed): Promise<void> {
  const by = asWorker(context)
  const verdict = await verdictOf(context, tx, row)
  if (typeof verdict !== 'string') {
    if (row.status !== 'proposed')
      await record(tx, 'passkey', PASSKEY, { id: row.id, from: row.status, event: 'propose', by })
    await writeAdmission(tx, context.signer, { ...row, roles: verdict.roles }, by, verdict.data)
    return
  }
  if (row.status === 'proposed')
    await record(tx, 'passkey', PASSKEY, { id: row.id, from: 'proposed', event: 'refuse', because: verdict, by })
  // What it was admitted for stays: only the request for more is turned down.
  else await tell(tx, { kind: 'passkey.stay', subject: 'passkey', subjectId: row.id, by, because: verdict })
}

/** Takes the arrow to `admitted` with a certificate over exactly these roles. The row is `proposed`. */
export async function writeAdmission(
  tx: Tx,
  signer: Signer,
  key: { id: number; accountId: number; credentialId: string; spki: Buffer; alg: number; roles: readonly string[] },
  by: Actor,
  data: Record<string, unknown> = {},
): Promise<void> {
  const roles = [...key.roles].sort()
  const certificate = certify(signer, passkeyClaim({ ...key, roles }))
  const { accountId, credentialId, alg } = key
  await record(tx, 'passkey', PASSKEY, {
    id: key.id,
    from: 'proposed',
    event: 'admit',
    by,
    set: { roles: { json: roles }, certificate, admittedAt: NOW, dueAt: null },
    data: { accountId, credentialId, alg, spki: key.spki.toString('base64'), roles, certificate, ...data },
  })
}

async function verdictOf(context: Context, tx: Tx, row: Proposed): Promise<Verdict> {
  if (row.disabled) return 'its account is disabled'
  const misfit = keyProblem(row.spki, row.alg)
  if (misfit !== null) return misfit
  if (await wasRemoved(context, tx, row.credentialId)) return 'it was removed before'
  const roles = await signingRoles(tx, row.accountId)
  if (roles.length === 0) return 'its account has no role that signs anything off'
  // A vouch that was answered stays in the row; what was given last is the code.
  if (row.proof !== null) return withCode(context, tx, row, roles)
  return withVouch(context, tx, row, roles)
}

async function wasRemoved(context: Context, tx: Tx, credentialId: string): Promise<boolean> {
  if (context.trust.removed(credentialId)) return true
  const { rows } = await tx.query(
    `SELECT 1 FROM "AuditEntry" WHERE kind = 'passkey.remove' AND data->>'credential' = $1 LIMIT 1`,
    [credentialId],
  )
  return rows.length > 0
}

async function withCode(context: Context, tx: Tx, row: Proposed, roles: string[]): Promise<Verdict> {
  const used = await spendEnrolmentCode(context.keys, row.proof ?? '', row)
  if (typeof used === 'string') return used
  // The trail knows what it was used for: by a worker of another machine with the same codes, or for this very passkey, whose
  // proof the web process may have kept to send it again when its account has more roles.
  const { rows } = await tx.query(
    `SELECT 1 FROM "AuditEntry" WHERE kind = 'passkey.admit' AND data->>'code' = $1 LIMIT 1`,
    [used.code],
  )
  if (rows.length > 0) return 'the enrolment code was used already'
  return { roles, data: { code: used.code } }
}

async function withVouch(context: Context, tx: Tx, row: Proposed, roles: string[]): Promise<Verdict> {
  const vouched = VouchedShape.safeParse(row.vouch)
  const vouch = vouched.success ? readVouch(vouched.data.statement) : null
  if (!vouched.success || vouch === null) return 'nobody can read what was said for it'
  const about = { passkey: row.id, account: row.accountId, credential: row.credentialId, spki_sha256: sha256(row.spki) }
  for (const [field, value] of Object.entries(about))
    if (vouch[field as keyof typeof about] !== value) return `somebody vouched for another one: ${field} differs`
  if (vouch.origin !== context.trust.origin) return 'somebody vouched for it in another installation'
  if (vouch.roles.join() !== roles.join())
    return `somebody vouched for it to sign as ${vouch.roles.join(', ') || 'nothing'}, and its account's roles are ${roles.join(', ')} now`
  if (row.now > new Date(vouch.exp)) return 'somebody vouched for it, and that has expired: it has to be said again'
  const why = await voucherProblem(context, tx, row, vouched.data, vouch.voucher)
  return why ?? { roles, data: { vouch: vouched.data, voucher: vouch.voucher } }
}

/** Null: somebody else who may vouch has signed this with an admitted passkey of their own. */
async function voucherProblem(
  { trust }: Context,
  tx: Tx,
  row: Proposed,
  { statement, assertion }: Vouched,
  voucher: number,
): Promise<string | null> {
  if (voucher === row.accountId) return 'nobody vouches for themselves'
  const key = await admittedKey(tx, assertion.credentialId, trust)
  if (typeof key === 'string') return `whoever vouched for it may not: ${key}`
  if (key.accountId !== voucher) return "it was vouched for with somebody else's passkey"
  const held = await signingRoles(tx, voucher)
  if (!VOUCHING.some((role) => key.roles.includes(role) && held.includes(role)))
    return `whoever vouched for it may not: that takes the role ${VOUCHING.join(', ')}`
  const why = assertionProblem(assertion, key, vouchChallenge(statement), trust)
  return why === null ? null : `the signature of who vouched for it does not count: ${why}`
}
