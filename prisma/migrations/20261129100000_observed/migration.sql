-- AlterTable
ALTER TABLE "Promotion" ADD COLUMN     "deployedEpoch" INTEGER;

-- CreateTable
CREATE TABLE "Observed" (
    "id" SERIAL NOT NULL,
    "environmentId" INTEGER NOT NULL,
    "service" TEXT NOT NULL,
    "promotionId" INTEGER,
    "setPromotion" INTEGER,
    "setEpoch" INTEGER,
    "digest" TEXT,
    "health" TEXT NOT NULL DEFAULT 'unknown',
    "because" TEXT NOT NULL DEFAULT '',
    "url" TEXT,
    "inside" JSONB,
    "replicas" JSONB NOT NULL DEFAULT '[]',
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "observedAt" TIMESTAMPTZ(3),
    "unknownSince" TIMESTAMPTZ(3),
    "unknownBecause" TEXT NOT NULL DEFAULT '',
    "dueAt" TIMESTAMPTZ(3),
    "leaseUntil" TIMESTAMPTZ(3),
    "epoch" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "Observed_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Observed_dueAt_idx" ON "Observed"("dueAt");

-- CreateIndex
CREATE UNIQUE INDEX "Observed_environmentId_service_key" ON "Observed"("environmentId", "service");

-- AddForeignKey
ALTER TABLE "Observed" ADD CONSTRAINT "Observed_environmentId_fkey" FOREIGN KEY ("environmentId") REFERENCES "Environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

UPDATE "Promotion" SET "deployedEpoch" = epoch WHERE "deployedAt" IS NOT NULL;

-- What the record knew so far: the deployment last recorded, not observed yet in this sense. The first look comes at once.
INSERT INTO "Observed" ("environmentId", service, "promotionId", digest, url, inside, because, "unknownSince", "unknownBecause", "dueAt")
SELECT DISTINCT ON (d."environmentId", d.service) d."environmentId", d.service, d.id, d.observed, d.url, d.inside, '', clock_timestamp(),
  'it was deployed by an earlier version and is observed within a minute', clock_timestamp()
FROM (
  SELECT p.id, p."environmentId", p.observed, p.url, p.inside, p."deployedAt", l.service FROM "Promotion" p JOIN "Release" l ON l.id = p."releaseId"
  WHERE p."deployedAt" IS NOT NULL
) d ORDER BY d."environmentId", d.service, d."deployedAt" DESC, d.id DESC;
