// One release for somebody who trusts nobody: its entries with their proofs, its sign-offs, and the checkpoint over all of it.
// Read by audit/verify.mjs, and, independently of it, by audit/verify-release.sh.
import type pg from 'pg'
import { Fault } from '../pipelines/fault'
import { proofText } from './checkpoint'
import {
  type About,
  type Anchor,
  atOneMoment,
  keysFile,
  newestCheckpoint,
  packSignoffs,
  SIGNOFF,
  type Signoff,
} from './export'
import type { Pack } from './packing'
import { Proofs } from './proofs'

/** Entries of one release; hundreds are many. */
const MOST = 2000
const KINDS = ['release.%', 'promotion.%', 'approval.%']

export interface Proven {
  seq: number
  body: Buffer
  /** From the leaf's sibling up. */
  path: Buffer[]
}

/**
 * What the trail says of a release, up to its newest checkpoint: its own entries, those that admitted or removed the passkeys
 * that signed it off, and those that brought the trail's keys; in their order.
 * @throws Fault conflict where there is no checkpoint yet, or the record is not what was signed
 */
export async function proveRelease(
  pool: pg.Pool,
  db: pg.PoolClient,
  releaseId: number,
): Promise<{ anchor: Anchor; entries: Proven[] }> {
  const anchor = await newestCheckpoint(db)
  const { rows } = await db.query<{ seq: string; body: Buffer }>(
    `SELECT l.seq, l.body FROM "AuditEntry" e JOIN "AuditLeaf" l ON l."entryId" = e.id
     WHERE l.seq < $2 AND ((e."releaseId" = $1 AND e.kind LIKE ANY ($3)) OR e.kind = 'trail.key'
       OR (e.kind IN ('passkey.admit', 'passkey.remove', 'passkey.propose') AND e.subject = 'passkey' AND e."subjectId" IN (
         SELECT a."passkeyId" FROM "Approval" a JOIN "Promotion" p ON p.id = a."promotionId" WHERE p."releaseId" = $1)))
     ORDER BY l.seq LIMIT ${MOST + 1}`,
    [releaseId, anchor.size, KINDS],
  )
  if (rows.length > MOST)
    throw new Fault(
      'conflict',
      `the trail says more of this release than a bundle holds (${MOST} entries): export the whole trail`,
    )
  const proofs = new Proofs(db, pool, anchor)
  const entries: Proven[] = []
  for (const { seq, body } of rows) entries.push({ seq: Number(seq), body, path: await proofs.of(Number(seq), body) })
  return { anchor, entries }
}

/** The answers that were given for a release before this size of the trail. */
export async function signoffsOf(db: pg.PoolClient, releaseId: number, size: number): Promise<Signoff[]> {
  const { rows } = await db.query<Signoff>(
    `${SIGNOFF} JOIN "Promotion" p ON p.id = a."promotionId" WHERE p."releaseId" = $1 AND a.statement <> '' AND EXISTS (
       SELECT 1 FROM "AuditEntry" e JOIN "AuditLeaf" l ON l."entryId" = e.id
       WHERE e.subject = 'promotion' AND e."subjectId" = p.id AND e.kind = 'approval.give' AND e.data->>'hash' = a.hash AND l.seq < $2)
     ORDER BY a.id LIMIT ${MOST}`,
    [releaseId, size],
  )
  return rows
}

/** @throws Fault not.found; conflict where there is no checkpoint yet, or the record is not what was signed */
export function bundleRelease(
  pool: pg.Pool,
  releaseId: number,
  about: About,
  pack: Pack,
): Promise<{ entries: number; size: number }> {
  return atOneMoment(pool, async (db) => {
    const { rows } = await db.query<{ service: string; tag: string; digest: string }>(
      'SELECT service, tag, digest FROM "Release" WHERE id = $1',
      [releaseId],
    )
    const [release] = rows
    if (release === undefined) throw new Fault('not.found', `there is no release #${releaseId}`)
    const { anchor, entries } = await proveRelease(pool, db, releaseId)
    await pack.file('README.txt', [readme(release, about, anchor)])
    await pack.file('checkpoint.txt', [anchor.note])
    await pack.file('keys.json', [keysFile(about)])
    for (const { seq, body, path } of entries) {
      await pack.file(`entries/${seq}.json`, [body])
      await pack.file(`entries/${seq}.tlog-proof`, [proofText(seq, path, anchor.note)])
    }
    await packSignoffs([await signoffsOf(db, releaseId, anchor.size)], pack)
    return { entries: entries.length, size: anchor.size }
  })
}

const readme = (release: { service: string; tag: string; digest: string }, about: About, anchor: Anchor) => `\
${release.service} ${release.tag}
${release.digest}

What the trail ${about.origin} says of this release, as it was signed at ${anchor.size} entries.

  entries/N.json          entry N of the trail, byte by byte
  entries/N.tlog-proof    that it is in the tree under the checkpoint (c2sp.org/tlog-proof, RFC 6962)
  signoffs/H.*            what was agreed to (SHA-256 H), and the passkey's assertion over it
  checkpoint.txt          the signed head of the trail (c2sp.org/tlog-checkpoint, Ed25519)
  keys.json               the trail's public keys, and where people sign

Two independent programs check it without Shiplock, each with a public key that you keep yourself:

  node verify.mjs THIS-FOLDER --key BASE64
  sh verify-release.sh THIS-FOLDER BASE64            (openssl, sha256sum, coreutils)

What a bundle cannot show: that nothing was left out. Only an export of the whole trail does.
`
