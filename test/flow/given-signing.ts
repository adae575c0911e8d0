// The language of the sign-off tests: a release that waits for production, people with passkeys, and a worker that deploys it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSigner, openTrust } from '../../audit/keys'
import type { Assertion, Lies, SoftPasskey } from '../../demo/passkey'
import { putIntoForce } from '../../environments/agree-policy'
import { deployPromotion } from '../../environments/deploy'
import { answer, type Prepared, prepareStatement } from '../../environments/sign-off'
import type { Decision } from '../../environments/statement'
import type { Context } from '../../pipelines/context'
import { Leases } from '../../pipelines/lease'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { type Person, transaction } from '../../prisma/record'
import { ensureKeys } from '../../prisma/seal'
import { freshDatabase } from '../database'
import { enrolled } from '../passkeys'

const POLICY = {
  name: 'production',
  position: 3,
  start: 'on-signoff',
  target: { kind: 'docker' },
  approvals: [{ role: 'ops', count: 1, passkey: 'required' }],
}
/** The forge's numbers of people. */
export const FORGE = { mia: '7', noor: '8', bot: '9' } as const

export interface Waiting {
  promotion: number
  release: number
  run: number
  digest: string
}

export class Signing {
  private number = 0
  readonly passkeys = new Map<number, SoftPasskey>()

  private constructor(
    readonly dir: string,
    readonly database: { url: string; drop(): Promise<void> },
    readonly record: RecordHandle,
    readonly context: Context,
    private readonly leases: Leases,
  ) {}

  static async start(): Promise<Signing> {
    const dir = mkdtempSync(join(tmpdir(), 'shiplock-signing-'))
    const keys = join(dir, 'keys')
    await ensureKeys(keys)
    const database = await freshDatabase()
    const record = openRecord(database.url, { max: 24, name: 'signing' })
    const leases = new Leases(record)
    const origin = await readOrigin(record)
    const context = {
      record,
      leases,
      instance: 'signing',
      worker: 'w1',
      keys,
      trail: dir,
      signer: openSigner(keys),
      trust: openTrust(keys, dir, origin, () => 'http://localhost:8080'),
      cache: join(dir, 'cache'),
      publicUrl: 'http://localhost:8080',
      engine: {} as Context['engine'],
      bases: {},
      stopping: new AbortController().signal,
    } satisfies Context
    await record.pool.query(
      `INSERT INTO "Checkpoint" (size, root, note) VALUES (1, decode(repeat('ab', 32), 'hex'), 'of the test')`,
    )
    return new Signing(dir, database, record, context, leases)
  }

  async sql<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.record.pool.query<T & Record<string, never>>(text, values)).rows as T[]
  }

  async one<T extends object>(text: string, values: unknown[] = []): Promise<T> {
    const [row] = await this.sql<T>(text, values)
    if (row === undefined) throw new Error(`nothing came of ${text}`)
    return row
  }

  /** Somebody with an account; `signs`: with a passkey that a worker admitted for their role. */
  async person(role: string, over: { forge?: string; signs?: boolean; as?: string[] } = {}): Promise<Person> {
    const name = `${role}-${++this.number}`
    const { id } = await this.one<{ id: number }>(
      'INSERT INTO "Account" (name, role, "forgeUserId") VALUES ($1, $2, $3) RETURNING id',
      [name, role, over.forge ?? null],
    )
    if (over.signs !== false)
      this.passkeys.set(id, await enrolled(this.record, this.context.signer, id, over.as ?? [role]))
    return { actor: `account:${id}`, actorName: name, accountId: id, role }
  }

  /** A project whose production asks for what `policy` says, put into force by a worker. */
  async production(policy: Record<string, unknown> = {}): Promise<{ project: number; environment: number }> {
    const n = ++this.number
    const { project } = await this.one<{ project: number }>(
      `INSERT INTO "Project" (forge, "forgeUrl", "forgeProjectId", path, name, status, "tokenSealed", hook, "hookSealed", "createdBy")
       VALUES ('gitlab', 'http://forge', $1::int, 'team/s' || $1::text, 's', 'connected', '', 'hook-' || $1::text, '', 'x') RETURNING id AS project`,
      [n],
    )
    const { environment } = await this.one<{ environment: number }>(
      `INSERT INTO "Environment" ("projectId", name, position, policy) VALUES ($1, 'production', 3, $2::jsonb) RETURNING id AS environment`,
      [project, JSON.stringify({ ...POLICY, ...policy })],
    )
    await this.intoForce(environment)
    return { project, environment }
  }

  /** A worker agrees to the policy, with changes, as one more version. */
  async intoForce(environment: number, changes: Record<string, unknown> = {}) {
    await transaction(this.record, async (tx) => {
      const { rows } = await tx.query(
        'SELECT id, "projectId", name, policy, "policyVersion" + 1 AS version FROM "Environment" WHERE id = $1 FOR UPDATE',
        [environment],
      )
      const row = rows[0] as { id: number; projectId: number; name: string; policy: object; version: number }
      const policy = { ...row.policy, ...changes }
      const made = {
        version: row.version,
        policy,
        because: 'a test',
        authorId: null,
        authorName: 'test',
        changeId: null,
      }
      await putIntoForce({ signer: this.context.signer, worker: 'w1' }, tx, { ...row, policy }, made)
    })
  }

  /** A release, made of Mia's push and merged by Noor, that waits for production. */
  async waiting(place: { project: number; environment: number }, status = 'waiting'): Promise<Waiting> {
    const n = ++this.number
    const digest = `sha256:${String(n).padStart(64, '0')}`
    const commit = String(n).padStart(40, 'c')
    const { release } = await this.one<{ release: number }>(
      `INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, trust, plan, bytes)
       VALUES ($1, 's', 'tree-' || $2::text, 'k', $3, 's:1', '1.0', 'V1.0_' || $2::text, $4, 'master', 'release',
         '{"deploy":{"replicas":1,"ports":[],"healthcheck":null,"memoryBytes":1,"cpus":1},"config":{}}', 1000) RETURNING id AS release`,
      [place.project, n, digest, commit],
    )
    const { run } = await this.one<{ run: number }>(
      `INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, tree, status, plan, "goesTo", "releaseId", "pusherId", "pusherName")
       VALUES ($1, 'run-' || $2::text, 's', 'master', 'master', $3, '', 'tree-' || $2::text, 'succeeded', '{"templated":false}', 'production', $4, $5, 'mia')
       RETURNING id AS run`,
      [place.project, n, commit, release, FORGE.mia],
    )
    await this.sql(
      `INSERT INTO "MergeRequest" ("projectId", iid, status, head, "authorId", "mergerId", "mergeCommit", "dueAt") VALUES ($1, $2, 'merged', 'h', $3, $4, $5, NULL)`,
      [place.project, n, FORGE.mia, FORGE.noor, commit],
    )
    const { promotion } = await this.one<{ promotion: number }>(
      `INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", kind, status, "requestedBy", range, "imageAsked")
       VALUES ($1, $2, $3, 'onward', $4, 'push by mia', jsonb_build_object('from', NULL, 'to', $5::text, 'commits', '[]'::jsonb), $6) RETURNING id AS promotion`,
      [place.environment, release, run, status, commit, digest],
    )
    return { promotion, release, run, digest }
  }

  see(promotion: number, by: Person, decision: Decision = 'approve', reason = ''): Promise<Prepared> {
    return prepareStatement(
      this.record,
      { subject: { promotionId: promotion }, decision, reason },
      by,
      this.context.trust,
    )
  }

  /** What the person's passkey makes of a statement; with lies, what a hostile one would. */
  assert(seen: Pick<Prepared, 'challenge'>, by: Person, lies: Lies = {}): Assertion | undefined {
    const { rpId, webOrigin: origin } = this.context.trust
    return this.passkeys.get(by.accountId)?.get({ rpId, origin, challenge: seen.challenge }, lies)
  }

  say(seen: Prepared, by: Person, assertion = this.assert(seen, by)) {
    return answer(
      this.record,
      { hash: seen.hash, ...(assertion === undefined ? {} : { assertion }) },
      by,
      this.context.trust,
    )
  }

  async sign(promotion: number, by: Person, decision: Decision = 'approve', reason = ''): Promise<number> {
    return (await this.say(await this.see(promotion, by, decision, reason), by)).approval
  }

  /** The queue rings, whoever rang: the worker judges for itself. @returns the status afterwards, and why */
  async deploy(promotion: number): Promise<{ status: string; because: string }> {
    await this.sql(`UPDATE "Promotion" SET status = 'queued' WHERE id = $1 AND status = 'waiting'`, [promotion])
    await deployPromotion(this.context, promotion)
    return this.one('SELECT status, because FROM "Promotion" WHERE id = $1', [promotion])
  }

  async close() {
    this.leases.close()
    await this.record.close()
    await this.database.drop()
    rmSync(this.dir, { recursive: true, force: true })
  }
}
