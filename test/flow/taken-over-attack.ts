// What somebody does who has taken the web process over: run by test/flow/taken-over.test.ts with the very user, group and
// environment of the real one. Tells on stdout what came of each attempt; "done" is a success, anything else the refusal.
import { closeSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { openSigner, openTrust } from '../../audit/keys'
import { SoftPasskey } from '../../demo/passkey'
import { answer, prepareStatement } from '../../environments/sign-off'
import { bytesOf, challengeOf, statementHash } from '../../environments/statement'
import { openRecord } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { unseal } from '../../prisma/seal'

export interface Plan {
  /** Private files, whose very names the attacker is told. */
  secrets: string[]
  /** Processes of others. */
  pids: number[]
  sockets: string[]
  code: string
  owner: string
  project: number
  environment: number
  promotion: number
  /** Of operations, whose passkey it would take. */
  victim: { id: number; name: string }
}
export interface Outcome {
  group: 'socket' | 'keys' | 'trail' | 'checkpoint' | 'deploy' | 'forge'
  what: string
  came: string
}

const plan = JSON.parse(process.argv[2] ?? '') as Plan
const state = process.env.SHIPLOCK_STATE ?? ''
const keys = join(state, 'keys')
const url = process.env.DATABASE_URL ?? ''
const outcomes: Outcome[] = []

async function attempt(group: Outcome['group'], what: string, work: () => unknown) {
  const came = await Promise.resolve()
    .then(work)
    .then(
      () => 'done',
      (error: { code?: string; message: string }) => error.code ?? error.message,
    )
  outcomes.push({ group, what, came })
}

async function ask(connectionString: string, ...statements: (string | [string, unknown[]])[]) {
  const db = new pg.Client({ connectionString })
  await db.connect()
  try {
    let rows: Record<string, unknown>[] = []
    for (const statement of statements)
      rows = (typeof statement === 'string' ? await db.query(statement) : await db.query(...statement)).rows
    return rows
  } finally {
    await db.end()
  }
}
const sql = (group: Outcome['group'], ...statements: (string | [string, unknown[]])[]) =>
  attempt(group, statements.map((s) => (typeof s === 'string' ? s : s[0]).slice(0, 160)).join('; '), () =>
    ask(url, ...statements),
  )

/** The Docker engine, and the processes that hold it. */
async function sockets() {
  for (const path of plan.sockets)
    await attempt(
      'socket',
      path,
      () => new Promise((resolve, reject) => connect(path).once('connect', resolve).once('error', reject)),
    )
  for (const pid of plan.pids) {
    await attempt('socket', `files of ${pid}`, () => readdirSync(`/proc/${pid}/fd`))
    await attempt('socket', `stop ${pid}`, () => process.kill(pid, 'SIGSTOP'))
  }
}

async function secrets() {
  for (const file of plan.secrets) {
    await attempt('keys', `read ${file}`, () => readFileSync(file))
    await attempt('keys', `write ${file}`, () => writeFileSync(file, '', { flag: 'a' }))
  }
  for (const dir of [keys, join(state, 'trail'), join(state, 'cache'), join(state, 'postgres')])
    await attempt('keys', `list ${dir}`, () => readdirSync(dir))
  for (const dir of [keys, state, plan.code, join(plan.code, 'worker'), join(plan.code, 'node_modules')])
    await attempt('keys', `plant in ${dir}`, () => writeFileSync(join(dir, 'planted'), ''))
  for (const pid of plan.pids) {
    await attempt('keys', `environment of ${pid}`, () => readFileSync(`/proc/${pid}/environ`))
    await attempt('keys', `memory of ${pid}`, () => {
      const memory = openSync(`/proc/${pid}/mem`, 'r')
      readSync(memory, Buffer.alloc(1), 0, 1, 4096)
      closeSync(memory)
    })
  }
  await attempt('keys', 'the forge’s token', async () => {
    const [project] = await ask(url, `SELECT hook, "tokenSealed" FROM "Project" WHERE id = ${plan.project}`)
    await unseal(keys, `token:${project?.hook}`, project?.tokenSealed as Buffer)
  })
  await attempt('keys', 'the owner of the database', () => ask(plan.owner, 'SELECT 1'))
  const worker = new URL(url)
  worker.username = worker.username.replace(/_web$/, '_worker')
  await attempt('keys', 'the worker’s role', () => ask(worker.href, 'SELECT 1'))
}

const append = (actor: string, kind = 'promotion.observe') =>
  `SELECT audit_append('${kind}', '${actor}', 'w', ${plan.project}, 'promotion', ${plan.promotion}, NULL::int, NULL, NULL, '', '{}'::jsonb)`

async function trail() {
  for (const table of ['AuditEntry', 'AuditLeaf', 'AuditName']) {
    const column = { AuditEntry: 'because', AuditLeaf: 'body', AuditName: 'name' }[table]
    await sql('trail', `INSERT INTO "${table}" SELECT * FROM "${table}" LIMIT 1`)
    await sql('trail', `UPDATE "${table}" SET "${column}" = "${column}"`)
    await sql('trail', `DELETE FROM "${table}"`)
    await sql('trail', `TRUNCATE "${table}" CASCADE`)
    await sql('trail', `DROP TABLE "${table}" CASCADE`)
    await sql('trail', `ALTER TABLE "${table}" DISABLE TRIGGER ALL`)
  }
  await sql('trail', 'SET session_replication_role = replica')
  await sql(
    'trail',
    'CREATE OR REPLACE FUNCTION "trail_writer"() RETURNS text LANGUAGE sql AS $$SELECT $q$worker$q$::text$$',
  )
  await sql('trail', 'DROP FUNCTION "audit_append" CASCADE')
  await sql('trail', append('worker:w1'))
  await sql('trail', 'SET SESSION AUTHORIZATION postgres', append('worker:w1'))
  await sql(
    'trail',
    'CREATE TEMP TABLE "AuditEntry" (id int)',
    'SET search_path = pg_temp, public',
    append('worker:w1'),
  )
}

async function checkpoints() {
  await sql('checkpoint', `INSERT INTO "Checkpoint" (size, root, note) VALUES (99999, '\\x00', 'mine')`)
  await sql('checkpoint', `UPDATE "Checkpoint" SET root = '\\x00'`)
  await sql('checkpoint', 'DELETE FROM "Checkpoint"')
  await attempt('checkpoint', 'sign', () => openSigner(keys).sign(Buffer.from('a head of my own')))
}

async function deployments() {
  const { environment, promotion, project } = plan
  await sql(
    'deploy',
    `UPDATE "Environment" SET policy = jsonb_set(policy, '{approvals}', '[]') WHERE id = ${environment}`,
  )
  await sql('deploy', `UPDATE "Environment" SET "policyVersion" = 0 WHERE id = ${environment}`)
  await sql(
    'deploy',
    `INSERT INTO "PolicyVersion" ("environmentId", version, policy, sha256, "authorName", certificate) SELECT id, 9, policy, 'x', 'x', 'x' FROM "Environment" WHERE id = ${environment}`,
  )
  await sql('deploy', `UPDATE "PolicyVersion" SET policy = '{}'`)
  await sql(
    'deploy',
    `UPDATE "Promotion" SET observed = (SELECT digest FROM "Release" LIMIT 1), "deployedAt" = now() WHERE id = ${promotion}`,
  )
  await sql('deploy', `UPDATE "Release" SET digest = 'sha256:${'0'.repeat(64)}'`)
  await sql(
    'deploy',
    `UPDATE "Project" SET "forgeUrl" = 'http://elsewhere', "cloneUrl" = 'http://elsewhere' WHERE id = ${project}`,
  )
  await sql('deploy', `UPDATE "Stage" SET digest = 'sha256:${'0'.repeat(64)}'`)
  await sql(
    'deploy',
    `INSERT INTO "Passkey" ("accountId", name, "credentialId", "publicKey", spki, alg, certificate) VALUES (${plan.victim.id}, 'x', 'x', '', '', -7, 'x')`,
  )
  for (const { name } of await tablesOfQueue())
    await sql('deploy', `SELECT 1 FROM bullmq."${name}"`, `INSERT INTO bullmq."${name}" DEFAULT VALUES`)
  await sql('deploy', 'CREATE SCHEMA mine')
}

/** What the catalogue says to everybody. */
const tablesOfQueue = async () =>
  (await ask(
    url,
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'bullmq'::regnamespace AND relkind = 'r'`,
  )) as { name: string }[]

/**
 * What the web process may write, because people's answers come in through it: the worker must not take it for theirs. A key
 * of the attacker's own, called admitted; with it a whole and well signed answer in the victim's name; and the promotion queued.
 */
async function forge() {
  const { victim, promotion, environment, project } = plan
  const record = openRecord(url, { max: 2 })
  const trust = openTrust(keys, null, await readOrigin(record), () => process.env.PUBLIC_URL ?? '')
  const by = { actor: `account:${victim.id}`, actorName: victim.name, accountId: victim.id, role: 'ops' }
  const passkey = SoftPasskey.make()
  // With its entry, which the database demands: a key that is proposed, and no more.
  const [proposed] = await ask(
    url,
    'BEGIN',
    [
      `WITH made AS (INSERT INTO "Passkey" ("accountId", name, "credentialId", "publicKey", spki, alg) VALUES ($1, 'laptop', $2, $3, $4, $5) RETURNING id)
     SELECT id, audit_append('passkey.propose', $6, 'omar', NULL::int, 'passkey', id, NULL::int, NULL, 'proposed', '', '{}') FROM made`,
      [victim.id, passkey.credentialId, passkey.cose, passkey.spki, passkey.alg, by.actor],
    ],
    'COMMIT',
    'SELECT max(id) AS id FROM "Passkey"',
  )
  const key = proposed?.id
  await sql('deploy', `UPDATE "Passkey" SET status = 'admitted' WHERE id = ${key}`)
  const subject = { promotionId: promotion }
  // The code asks for an admitted key before it shows a statement to approve; of a rejection it does not, and one word is changed.
  const shown = await prepareStatement(record, { subject, decision: 'reject', reason: 'looks good' }, by, trust)
  const text = bytesOf({ ...shown.statement, decision: 'approve' })
  const made = { text, hash: statementHash(text) }
  const assertion = passkey.get({ rpId: trust.rpId, origin: trust.webOrigin, challenge: challengeOf(text) })
  await sql('forge', [
    `INSERT INTO "Statement" (hash, "promotionId", "accountId", decision, bytes, challenge, "expiresAt")
     SELECT $1, "promotionId", "accountId", 'approve', $2, $3, "expiresAt" FROM "Statement" WHERE hash = $4`,
    [made.hash, text, challengeOf(text), shown.hash],
  ])
  await attempt('deploy', 'an answer by the code’s own way', () =>
    answer(record, { hash: made.hash, assertion }, by, trust),
  )
  const bytes = (text: string) => Buffer.from(text, 'base64url')
  const forged = `INSERT INTO "Approval" ("promotionId", ask, "accountId", "accountName", role, decision, digest, statement, hash, "passkeyId", "clientData", "authenticatorData", signature, "expiresAt")
     SELECT $1, p.ask, $2, $3, 'ops', 'approve', l.digest, $4, $5, $6, $7, $8, $9, now() + interval '1 hour' FROM "Promotion" p JOIN "Release" l ON l.id = p."releaseId" WHERE p.id = $1 RETURNING id`
  const values = [
    promotion,
    victim.id,
    victim.name,
    made.text,
    made.hash,
    key,
    bytes(assertion.clientDataJSON),
    bytes(assertion.authenticatorData),
    bytes(assertion.signature),
  ]
  await sql('deploy', [forged, values]) // no entry: the database takes it back
  await sql('forge', [
    `WITH made AS (${forged}) SELECT audit_append('approval.give', 'account:${victim.id}', 'omar', ${project}, 'promotion', ${promotion}, NULL::int, NULL, NULL, '', jsonb_build_object('approval', id)) FROM made`,
    values,
  ])
  await sql('forge', append(by.actor, 'approval.give'))
  await sql('forge', `UPDATE "Promotion" SET "dueAt" = now() WHERE id = ${promotion}`)
  await sql('deploy', `UPDATE "Promotion" SET verdicts = '[]' WHERE id = ${promotion}`)
  await sql('deploy', `UPDATE "Promotion" SET status = 'queued' WHERE id = ${promotion}`)
  await sql('forge', `SELECT pg_notify('shiplock', 'promotion:${promotion}:queued:0:-10')`)
  // A place of its own, with no rules, that stands for the same target; and a promotion that says it goes back by itself.
  const place = `INSERT INTO "Environment" ("projectId", name, position, policy) SELECT "projectId", 'side-door', 9, (policy || '{"name": "side-door", "approvals": [], "start": "automatic"}'::jsonb) - 'after' FROM "Environment" WHERE id = ${environment}`
  await sql('deploy', place)
  await sql(
    'forge',
    `WITH made AS (${place} RETURNING id) SELECT audit_append('environment.add', 'shiplock', 'Shiplock', ${project}, 'environment', id, NULL::int, NULL, NULL, '', '{}') FROM made`,
    `SELECT pg_notify('shiplock', 'environment:' || id || ':unagreed') FROM "Environment" WHERE name = 'side-door'`,
  )
  const asking = (kind: string, where: string, certificate: string) =>
    `WITH made AS (INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", kind, "requestedBy", "requesterId", certificate)
       SELECT e.id, p."releaseId", p."runId", '${kind}', 'x', ${victim.id}, ${certificate} FROM "Environment" e, "Promotion" p WHERE ${where} AND e."projectId" = ${project} AND p.id = ${promotion} RETURNING id, "releaseId")
     SELECT audit_append('promotion.request', '${by.actor}', 'omar', ${project}, 'promotion', id, NULL::int, NULL, NULL, '', jsonb_build_object('kind', '${kind}', 'release', "releaseId")) FROM made`
  await sql('forge', asking('by-hand', `e.name = 'side-door'`, 'NULL'))
  await sql('deploy', asking('put-back', `e.id = ${environment}`, `repeat('A', 86) || '=='`))
  await sql('deploy', `UPDATE "Promotion" SET status = 'queued' WHERE kind = 'by-hand' AND status = 'waiting'`)
  await sql('forge', `SELECT pg_notify('shiplock', 'promotion:' || id || ':queued:0:-10') FROM "Promotion"`)
  await record.close()
}

await sockets()
await secrets()
await trail()
await checkpoints()
await deployments()
await forge()
process.stdout.write(JSON.stringify(outcomes))
