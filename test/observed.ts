import type { RecordHandle } from '../prisma/client'

/** What a worker would have written of deployments that a test has put into the record by hand: each serves, and is healthy. */
export async function observedAsRecorded({ pool }: RecordHandle): Promise<void> {
  await pool.query(`
    INSERT INTO "Observed" ("environmentId", service, "promotionId", "setPromotion", "setEpoch", digest, url, health, because, "observedAt", "dueAt")
    SELECT DISTINCT ON (p."environmentId", l.service) p."environmentId", l.service, p.id, p.id, p.epoch, p.observed, p.url, 'healthy',
      'the replica answers on /healthz', clock_timestamp(), clock_timestamp() + interval '1 hour'
    FROM "Promotion" p JOIN "Release" l ON l.id = p."releaseId" WHERE p."deployedAt" IS NOT NULL
    ORDER BY p."environmentId", l.service, p."deployedAt" DESC, p.id DESC
    ON CONFLICT ("environmentId", service) DO UPDATE SET "promotionId" = excluded."promotionId", "setPromotion" = excluded."setPromotion",
      "setEpoch" = excluded."setEpoch", digest = excluded.digest, url = excluded.url, health = excluded.health`)
}
