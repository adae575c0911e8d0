// People's answers: prepared as a statement of exactly what is shown, given with it, taken back until they are used.
import { randomBytes } from 'node:crypto'
import type { Trust } from '../audit/trust'
import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { NOW, type Person, record, type Tx, tell, transaction } from '../prisma/record'
import { mustBeSigned, type No, type Question, readQuestion, rolesAt, type Subject, whichRole } from './answerable'
import { answersOf, type Standing } from './answers'
import { APPROVAL } from './approval'
import type { Assertion } from './assertion'
import { judgeNow } from './judge-now'
import { movePromotion } from './move-promotion'
import { notePasskeyUse } from './passkey-use'
import { ringPromotion, takePlace } from './place'
import { POLICY_CHANGE } from './policy-change'
import { type AnswerRow, soundness } from './sound'
import {
  bytesOf,
  challengeOf,
  DEFAULT_EXPIRES_MS,
  type Decision,
  GLASS_MS,
  GLASS_REASON,
  GLASS_REVIEW_MS,
  MOST_REASON,
  readStatement,
  STATEMENT_MS,
  type Statement,
  statementHash,
  whatDiffers,
} from './statement'
import { wordsOf } from './words'

export interface Prepared {
  hash: string
  /** The exact bytes, as text. */
  text: string
  statement: Statement
  /** What the passkey signs, base64url. */
  challenge: string
  words: string[]
  expiresAt: Date
  passkey: { required: boolean; credentials: { id: string; transports: string[] }[] }
}

/**
 * Puts into bytes what a person would answer to, so that nothing can change between seeing and saying. Kept for five minutes.
 * @throws Fault not.found; input.invalid without the reason that is needed; not.permitted, conflict where they may not answer
 */
export async function prepareStatement(
  handle: RecordHandle,
  asked: { subject: Subject; decision: Decision; reason: string },
  by: Person,
  trust: Trust,
): Promise<Prepared> {
  const reason = reasonFor(asked.decision, asked.reason)
  return transaction(handle, async (tx) => {
    const question = await readQuestion(tx, asked.subject)
    const standing = await answersOf(tx, question, trust)
    const role = await roleOrThrow(tx, question, asked.decision, by, standing)
    const required = mustBeSigned(question.policy, { role, decision: asked.decision })
    const credentials = await credentialsOf(tx, by.accountId)
    if (required && credentials.length === 0)
      throw new Fault(
        'conflict',
        `${question.environment} asks for a passkey, and you have none that was admitted: add one under Account, Passkeys`,
      )
    const statement = await compose(tx, { question, standing, role, reason, decision: asked.decision }, by, trust)
    const expiresAt = await keep(tx, statement, question, by.accountId)
    const bytes = bytesOf(statement)
    const challenge = challengeOf(bytes)
    return {
      hash: statementHash(bytes),
      text: bytes.toString('utf8'),
      statement,
      challenge,
      words: wordsOf(challenge),
      expiresAt,
      passkey: { required, credentials },
    }
  })
}

function reasonFor(decision: Decision, given: string): string {
  const reason = given.trim().slice(0, MOST_REASON)
  if (decision !== 'approve' && reason === '')
    throw new Fault('input.invalid', 'reason: it needs one; it stands in the trail for ever')
  if (decision === 'break-glass' && reason.length < GLASS_REASON)
    throw new Fault('input.invalid', `reason: breaking the glass takes at least ${GLASS_REASON} characters`)
  return reason
}

async function roleOrThrow(
  tx: Tx,
  question: Question,
  decision: Decision,
  by: Person,
  standing: Standing,
): Promise<string> {
  const answer: { role: string } | No = await whichRole(tx, question, decision, by.accountId, standing.votes)
  if ('role' in answer) return answer.role
  throw new Fault(answer.own ? 'not.permitted' : 'conflict', answer.because)
}

async function credentialsOf(tx: Tx, accountId: number) {
  const { rows } = await tx.query<{ id: string; transports: string[] }>(
    `SELECT "credentialId" AS id, transports FROM "Passkey" WHERE "accountId" = $1 AND status = 'admitted' ORDER BY id LIMIT 50`,
    [accountId],
  )
  return rows
}

async function compose(
  tx: Tx,
  what: { question: Question; standing: Standing; role: string; reason: string; decision: Decision },
  by: Person,
  trust: Trust,
): Promise<Statement> {
  const { question, standing, decision } = what
  const { rows } = await tx.query<{ forge: string | null; size: string | null; root: Buffer | null }>(
    `SELECT a."forgeUserId" AS forge, c.size, c.root FROM "Account" a
     LEFT JOIN LATERAL (SELECT size, root FROM "Checkpoint" ORDER BY size DESC LIMIT 1) c ON true WHERE a.id = $1`,
    [by.accountId],
  )
  const [row] = rows
  const lasts = decision === 'break-glass' ? GLASS_MS : (question.policy.approval_expires ?? DEFAULT_EXPIRES_MS)
  const iat = standing.now
  return {
    v: 1,
    ...(standing.bound as { type: 'shiplock.signoff'; bound: never }),
    origin: trust.origin,
    decision,
    reason: what.reason,
    approver: { account: by.accountId, forge: row?.forge ?? null, role: what.role },
    checkpoint:
      row?.size == null || row.root === null ? null : { size: Number(row.size), root: row.root.toString('hex') },
    nonce: randomBytes(32).toString('base64url'),
    iat: iat.toISOString(),
    exp: new Date(iat.getTime() + lasts).toISOString(),
  }
}

async function keep(tx: Tx, statement: Statement, question: Question, accountId: number): Promise<Date> {
  const bytes = bytesOf(statement)
  await tx.query('DELETE FROM "Statement" WHERE "expiresAt" <= clock_timestamp()')
  const { rows } = await tx.query<{ expiresAt: Date }>(
    `INSERT INTO "Statement" (hash, "promotionId", "policyChangeId", "accountId", decision, bytes, challenge, "expiresAt")
     VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8 * interval '1 millisecond') RETURNING "expiresAt"`,
    [
      statementHash(bytes),
      question.promotionId,
      question.policyChangeId,
      accountId,
      statement.decision,
      bytes,
      challengeOf(bytes),
      STATEMENT_MS,
    ],
  )
  const [kept] = rows
  if (kept === undefined) throw new Error('a statement was not kept')
  return kept.expiresAt
}

interface Given {
  question: Question
  statement: Statement
  bytes: Buffer
}

/**
 * A person's answer, with the statement that was prepared for them; where it was the last that was missing, the promotion goes
 * on by itself. Each statement is answered once.
 * @returns the answer's id, and what it answered
 * @throws Fault not.found; not.permitted; conflict where it was answered, is over, or something it binds is another one now
 */
export async function answer(
  handle: RecordHandle,
  given: { hash: string; assertion?: Assertion | undefined },
  by: Person,
  trust: Trust,
): Promise<{ approval: number; promotion: number | null; policyChange: number | null }> {
  return transaction(handle, async (tx) => {
    const { question, statement, bytes } = await takeStatement(tx, given.hash, by)
    const standing = await answersOf(tx, question, trust)
    await roleOrThrow(tx, question, statement.decision, by, standing)
    const other = whatDiffers(statement.bound, standing.bound.bound)
    if (other !== null) throw new Fault('conflict', `the ${other} is another one now than what you saw: look again`)
    const row = await asRow(tx, { question, statement, bytes }, given.assertion, by)
    const { because } = await soundness(tx, row, standing.standard, trust)
    if (because !== null) throw new Fault('not.permitted', `this answer would not count: ${because}`)
    await refuseWhereShut(tx, question, statement, trust)
    const id = await write(tx, { question, statement, bytes }, row, by)
    if (given.assertion !== undefined) await noteUse(tx, given.assertion, by)
    await follow(tx, question, statement, by)
    return { approval: id, promotion: question.promotionId, policyChange: question.policyChangeId }
  })
}

/** Used once: of two that come with the same statement one finds it gone. */
async function takeStatement(tx: Tx, hash: string, by: Person): Promise<Given> {
  const { rows } = await tx.query<{ promotionId: number | null; policyChangeId: number | null; bytes: Buffer }>(
    `DELETE FROM "Statement" WHERE hash = $1 AND "accountId" = $2 AND "expiresAt" > clock_timestamp()
     RETURNING "promotionId", "policyChangeId", bytes`,
    [hash, by.accountId],
  )
  const row = rows[0]
  const statement = row === undefined ? null : readStatement(row.bytes)
  if (row === undefined || statement === null)
    throw new Fault('conflict', 'this statement was answered already, or its five minutes are over: look again')
  const subject: Subject =
    row.promotionId !== null ? { promotionId: row.promotionId } : { policyChangeId: row.policyChangeId ?? 0 }
  const before = await readQuestion(tx, subject)
  // With the environment's row: a newer candidate that arrives at this instant comes before this, or after it.
  await takePlace(tx, before.environmentId)
  return { question: await readQuestion(tx, subject), statement, bytes: row.bytes }
}

async function asRow(
  tx: Tx,
  { question, statement, bytes }: Given,
  assertion: Assertion | undefined,
  by: Person,
): Promise<AnswerRow> {
  const roles = await rolesAt(tx, by.accountId, question)
  const decoded = (text: string | undefined) => (text === undefined ? null : Buffer.from(text, 'base64url'))
  return {
    id: 0,
    accountId: by.accountId,
    account: by.actorName,
    person: '',
    role: statement.approver.role,
    decision: statement.decision,
    comment: statement.reason,
    status: 'given',
    at: new Date(statement.iat),
    expiresAt: new Date(statement.exp),
    statement: bytes,
    hash: statementHash(bytes),
    credentialId: assertion?.credentialId ?? null,
    clientData: decoded(assertion?.clientDataJSON),
    authenticatorData: decoded(assertion?.authenticatorData),
    signature: decoded(assertion?.signature),
    hasRole: roles.includes(statement.approver.role),
    isOver: false,
  }
}

/** A yes is a promise: none is taken for what can never go. */
async function refuseWhereShut(tx: Tx, question: Question, { decision }: Statement, trust: Trust) {
  if (question.promotionId === null || decision === 'reject') return
  const judged = await judgeNow(tx, question.promotionId, trust)
  if (judged?.state === 'shut')
    throw new Fault('conflict', `it cannot go to ${question.environment}: ${judged.because}`)
}

async function write(tx: Tx, { question, statement, bytes }: Given, row: AnswerRow, by: Person): Promise<number> {
  await voidEarlier(tx, question, statement.decision, by)
  const glass = statement.decision === 'break-glass'
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO "Approval" ("promotionId", "policyChangeId", ask, "accountId", "accountName", role, decision, comment, digest, statement, hash,
       "passkeyId", "clientData", "authenticatorData", signature, "expiresAt", "reviewDueAt")
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, (SELECT id FROM "Passkey" WHERE "credentialId" = $12), $13, $14, $15, $16,
       CASE WHEN $17 THEN clock_timestamp() + $18 * interval '1 millisecond' END) RETURNING id`,
    [
      question.promotionId,
      question.policyChangeId,
      question.ask,
      by.accountId,
      by.actorName,
      row.role,
      statement.decision,
      statement.reason,
      question.digest,
      bytes,
      row.hash,
      row.credentialId,
      row.clientData,
      row.authenticatorData,
      row.signature,
      statement.exp,
      glass,
      GLASS_REVIEW_MS,
    ],
  )
  const id = rows[0]?.id ?? 0
  const isPromotion = question.promotionId !== null
  await tell(tx, {
    kind: 'approval.give',
    subject: isPromotion ? 'promotion' : 'policyChange',
    subjectId: question.promotionId ?? question.policyChangeId ?? 0,
    runId: question.runId,
    projectId: question.projectId,
    by,
    because: statement.reason,
    data: {
      approval: id,
      decision: statement.decision,
      hash: row.hash,
      role: row.role,
      digest: question.digest,
      tag: question.tag,
      name: question.environment,
      credential: row.credentialId,
    },
  })
  return id
}

/** One that fell, or was given to an earlier moment, makes room for the new one. */
async function voidEarlier(tx: Tx, question: Question, decision: Decision, by: Person) {
  const { rows } = await tx.query<{ id: number }>(
    `SELECT id FROM "Approval" WHERE "accountId" = $1 AND decision = $2 AND ask = $3 AND status = 'given'
       AND "promotionId" IS NOT DISTINCT FROM $4 AND "policyChangeId" IS NOT DISTINCT FROM $5`,
    [by.accountId, decision, question.ask, question.promotionId, question.policyChangeId],
  )
  for (const { id } of rows)
    await record(tx, 'approval', APPROVAL, { id, from: 'given', event: 'void', because: 'it was given anew', by })
}

async function noteUse(tx: Tx, { credentialId, authenticatorData }: Assertion, by: Person) {
  const { rows } = await tx.query<{ id: number }>('SELECT id FROM "Passkey" WHERE "credentialId" = $1', [credentialId])
  if (rows[0] !== undefined) await notePasskeyUse(tx, rows[0].id, authenticatorData, by)
}

/** A no ends it; a yes may have been the last that was missing. */
async function follow(tx: Tx, question: Question, statement: Statement, by: Person) {
  const { promotionId: promotion, policyChangeId: change } = question
  const rejected = statement.decision === 'reject'
  const because = `rejected by ${by.actorName}: ${statement.reason}`
  if (promotion !== null && rejected)
    await movePromotion(tx, {
      id: promotion,
      from: 'waiting',
      event: 'refuse',
      because,
      set: { finishedAt: NOW },
      by,
    })
  if (change !== null && rejected)
    await record(tx, 'policyChange', POLICY_CHANGE, {
      id: change,
      from: 'proposed',
      event: 'refuse',
      because,
      set: { finishedAt: NOW },
      by,
    })
  if (rejected) return
  if (promotion !== null) await ringPromotion(tx, promotion)
  if (change !== null) {
    await tx.query('UPDATE "PolicyChange" SET "dueAt" = clock_timestamp() WHERE id = $1', [change])
    await tx.query(`SELECT pg_notify('shiplock', 'policyChange:' || $1::text || ':proposed')`, [change])
  }
}
