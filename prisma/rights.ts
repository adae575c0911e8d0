// What the web process and the workers may do to each table. A statement that is refused for lack of a right belongs here, or
// it belongs to the other process.
import type pg from 'pg'
import { guardOfWeb } from './arrows'

interface Rights {
  /** Columns, or '*'. What is not named has its default. */
  insert?: string
  /** Columns, or '*'. Also what locking a row needs. */
  update?: string
  delete?: true
}

const ALL: Rights = { insert: '*', update: '*', delete: true }

/**
 * The web process reads everything, and writes this. Where a worker acts on what a row says, the columns that make it act
 * differently than people agreed are the worker's alone: digests, policies in force, what admits a passkey, what was observed.
 */
export const WEB: Readonly<Record<string, Rights>> = {
  Account: {
    insert: 'name passwordHash role forgeUserId',
    update: 'role disabledAt passwordHash forgeUserId',
  },
  Identity: { insert: 'accountId issuer subject name lastUsedAt', update: 'name lastUsedAt', delete: true },
  // No column of it ever changes; the right to is what locking a row needs.
  Membership: { insert: 'accountId projectId environment role grantedBy', update: 'grantedBy', delete: true },
  Session: ALL,
  SignInAttempt: ALL,
  ApiToken: { insert: 'accountId name hash expiresAt scopes', update: 'lastUsedAt', delete: true },
  PasskeyChallenge: ALL,
  Statement: ALL,
  Installation: { update: 'stoppedAt stoppedBy stoppedBecause' },

  // Which forge it is on, and under what path, never changes: its token would be sent elsewhere.
  Project: {
    insert: 'forge forgeUrl path name tokenSealed hook hookSealed createdBy',
    update: 'status because tokenSealed hookSealed checks flow attempts dueAt reconciledAt',
  },
  Delivery: {
    insert: 'projectId key event decision because bytes body runId replayOf',
    update: 'decision because runId mergeRequestId',
  },
  BranchHead: { insert: 'projectId branch commit', update: 'commit seenAt' },
  // What an accepted delivery says. What a worker finds out of it, and who pushed which commit, is written once.
  Run: {
    insert:
      'projectId contentKey origin service branch branchKind commit before title pusherId pusherName status because priority finishedAt',
    update: 'status because finishedAt leaseUntil dueAt',
  },
  // What a stage built or found is the worker's.
  Stage: { update: 'status because finishedAt leaseUntil dueAt attempts' },
  Report: { insert: 'projectId runId name wanted description', update: 'wanted description dueAt attempts' },
  MergeRequest: {
    insert: 'projectId iid title source target',
    update: 'dueAt attempts',
  },
  MergeAction: { insert: 'projectId mergeRequestId kind head accountId accountName' },
  Tag: {
    insert: 'projectId name commit status because runId releaseId by',
    update: 'status because name commit by runId releaseId dueAt leaseUntil',
  },

  Release: { update: 'refusedAt refusedBy refusedBecause' },
  // A policy is in force once a worker has agreed to it.
  Environment: {
    insert: 'projectId name position policy',
    update: 'heldAt heldBy heldBecause heldFor heldBefore removedAt removedBecause stoppedAt stoppedBy stoppedBecause',
  },
  PolicyChange: {
    insert: 'environmentId baseVersion policy reason authorId authorName',
    update: 'status because finishedAt dueAt',
  },
  Promotion: {
    insert: 'environmentId releaseId runId kind reason insteadOf requestedBy requesterId priority certificate',
    update: 'status because finishedAt leaseUntil dueAt attempts ask startedByHand startedById retriedById forgeDueAt',
  },
  // An answer is written once, and a worker uses it up.
  Approval: {
    insert:
      'promotionId policyChangeId ask accountId accountName role decision comment digest statement hash passkeyId clientData authenticatorData signature expiresAt reviewDueAt',
    update: 'status because reviewedAt reviewerId reviewerName review',
  },
  Passkey: {
    insert:
      'accountId name credentialId publicKey spki alg aaguid backupEligible backedUp transports signCount proof dueAt',
    update: 'name backedUp signCount status because proof vouch removedAt lastUsedAt dueAt',
  },
}

/** Nobody's but the database's own, and what a worker adds to it. */
const TRAIL = ['AuditEntry', 'AuditLeaf', 'AuditName', 'Checkpoint'] as const
/** Workers do everything to every table but these. */
const WORKER_LESS: Readonly<Record<string, Rights>> = {
  AuditEntry: {},
  AuditLeaf: {},
  AuditName: {},
  Checkpoint: { insert: '*' },
  PolicyVersion: { insert: '*' },
  _prisma_migrations: {},
}

const APPEND = '"audit_append"(text, text, text, int, text, int, int, text, text, text, jsonb)'

const quoted = (columns: string) =>
  columns === '*'
    ? ''
    : ` (${columns
        .split(' ')
        .map((c) => `"${c}"`)
        .join(', ')})`

function grantsOf(table: string, role: string, rights: Rights, sequences: ReadonlySet<string>): string[] {
  const to = `ON "${table}" TO "${role}"`
  const lines = [`GRANT SELECT ${to}`]
  if (rights.insert) lines.push(`GRANT INSERT${quoted(rights.insert)} ${to}`)
  if (rights.update) lines.push(`GRANT UPDATE${quoted(rights.update)} ${to}`)
  if (rights.delete) lines.push(`GRANT DELETE ${to}`)
  const numbers = `${table}_id_seq`
  if (rights.insert && sequences.has(numbers)) lines.push(`GRANT USAGE ON SEQUENCE "${numbers}" TO "${role}"`)
  return lines
}

/**
 * Statements that give both roles exactly their rights, whatever they had before.
 * @throws where the table above names a table that the database does not have
 */
export async function grantsFor(db: Pick<pg.Client, 'query'>, web: string, worker: string): Promise<string> {
  const { rows } = await db.query<{ name: string; kind: string }>(
    `SELECT c.relname AS name, c.relkind AS kind FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'S')`,
  )
  const tables = rows.filter((r) => r.kind === 'r').map((r) => r.name)
  const sequences = new Set(rows.filter((r) => r.kind === 'S').map((r) => r.name))
  const unknown = [...Object.keys(WEB), ...Object.keys(WORKER_LESS)].filter((name) => !tables.includes(name))
  if (unknown.length > 0) throw new Error(`prisma/rights.ts names what the database does not have: ${unknown}`)
  const both = `"${web}", "${worker}"`
  return [
    'REVOKE CREATE ON SCHEMA public FROM PUBLIC',
    `GRANT USAGE ON SCHEMA public TO ${both}`,
    `REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ${both}`,
    `REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM ${both}`,
    `GRANT EXECUTE ON FUNCTION ${APPEND} TO ${both}`,
    ...guardOfWeb(),
    ...tables.flatMap((table) => [
      ...grantsOf(table, web, WEB[table] ?? {}, sequences),
      ...grantsOf(table, worker, WORKER_LESS[table] ?? ALL, sequences),
    ]),
    queueOf(worker),
  ].join(';\n')
}

/**
 * The queue brings its own tables along, in a schema that its worker owns. One of another role goes: what was in it is due in
 * the record, and rung again.
 */
const queueOf = (worker: string) => `DO $$
DECLARE place text := current_database();
BEGIN
  EXECUTE format('GRANT CREATE ON DATABASE %I TO %I', place, '${worker}');
  IF EXISTS (SELECT 1 FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'bullmq' AND r.rolname <> '${worker}') THEN
    DROP SCHEMA bullmq CASCADE;
  END IF;
END
$$`

/** What is not as it must be, whatever somebody granted to them beside this: a sentence for each. */
export async function promises(db: Pick<pg.Client, 'query'>, web: string, worker: string): Promise<string[]> {
  const { rows } = await db.query<{ what: string }>(
    `SELECT role.name || ' is more than an ordinary role' AS what FROM unnest($1::text[]) AS role(name) JOIN pg_roles r ON r.rolname = role.name
       WHERE r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
     UNION ALL
     SELECT m.name || ' belongs to ' || g.rolname FROM unnest($1::text[]) AS m(name) JOIN pg_roles r ON r.rolname = m.name
       JOIN pg_auth_members a ON a.member = r.oid JOIN pg_roles g ON g.oid = a.roleid
     UNION ALL
     SELECT role.name || ' may make things in the schema public' FROM unnest($1::text[]) AS role(name) WHERE has_schema_privilege(role.name, 'public', 'CREATE')
     UNION ALL
     SELECT role.name || ' owns ' || c.relname FROM unnest($1::text[]) AS role(name) JOIN pg_roles r ON r.rolname = role.name
       JOIN pg_class c ON c.relowner = r.oid AND c.relnamespace = 'public'::regnamespace
     UNION ALL
     SELECT role.name || ' may ' || deed || ' ' || t.name FROM unnest($1::text[]) AS role(name), unnest($2::text[]) AS t(name),
       unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS deed
       WHERE has_table_privilege(role.name, format('%I', t.name), deed) AND NOT (role.name = $3 AND t.name = 'Checkpoint' AND deed = 'INSERT')
     UNION ALL
     SELECT role.name || ' may UPDATE a column of ' || t.name FROM unnest($1::text[]) AS role(name), unnest($2::text[]) AS t(name)
       WHERE has_any_column_privilege(role.name, format('%I', t.name), 'UPDATE')
     UNION ALL
     SELECT $3 || ' may not make the schema of the queue (GRANT CREATE ON DATABASE)' WHERE NOT has_database_privilege($3, current_database(), 'CREATE')`,
    [[web, worker], [...TRAIL], worker],
  )
  return rows.map((r) => r.what)
}
