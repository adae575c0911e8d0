-- DropIndex
DROP INDEX "Release_projectId_tree_buildKey_key";

-- AlterTable
ALTER TABLE "Artifact" ADD COLUMN     "trust" TEXT NOT NULL DEFAULT 'fork';

-- AlterTable
ALTER TABLE "Release" ADD COLUMN     "trust" TEXT NOT NULL DEFAULT 'fork';

-- AlterTable
ALTER TABLE "Run" ADD COLUMN     "trust" TEXT NOT NULL DEFAULT 'fork';

-- AlterTable
ALTER TABLE "Stage" ADD COLUMN     "trust" TEXT NOT NULL DEFAULT 'fork';

-- CreateIndex
CREATE UNIQUE INDEX "Release_projectId_tree_buildKey_trust_key" ON "Release"("projectId", "tree", "buildKey", "trust");

ALTER TABLE "Artifact" ADD CONSTRAINT "Artifact_trust" CHECK ("trust" IN ('fork', 'feature', 'develop', 'release'));
ALTER TABLE "Release" ADD CONSTRAINT "Release_trust" CHECK ("trust" IN ('fork', 'feature', 'develop', 'release'));
ALTER TABLE "Run" ADD CONSTRAINT "Run_trust" CHECK ("trust" IN ('fork', 'feature', 'develop', 'release'));
ALTER TABLE "Stage" ADD CONSTRAINT "Stage_trust" CHECK ("trust" IN ('fork', 'feature', 'develop', 'release'));

-- What is there already gets the class of its branch. A run that was refused, or checks a fork, keeps the lowest.
UPDATE "Run" SET "trust" = CASE WHEN "branchKind" IN ('release', 'hotfix', 'master') THEN 'release' ELSE "branchKind" END
WHERE "branchKind" IN ('feature', 'develop', 'release', 'hotfix', 'master');
UPDATE "Stage" s SET "trust" = r."trust" FROM "Run" r WHERE r."id" = s."runId" AND r."trust" <> 'fork';

-- A build that took another run's image has the class of the run that built it: the first one that had that digest.
WITH built AS (
  SELECT s."id", first_value(r."trust") OVER (PARTITION BY r."projectId", s."digest" ORDER BY s."finishedAt" NULLS LAST, s."id") AS "by"
  FROM "Stage" s JOIN "Run" r ON r."id" = s."runId"
  WHERE s."name" = 'build' AND s."promotionId" IS NULL AND s."status" = 'succeeded' AND s."digest" IS NOT NULL
)
UPDATE "Stage" s SET "trust" = b."by" FROM built b
WHERE b."id" = s."id" AND array_position(ARRAY['fork', 'feature', 'develop', 'release'], b."by")
  < array_position(ARRAY['fork', 'feature', 'develop', 'release'], s."trust");

UPDATE "Artifact" a SET "trust" = s."trust" FROM "Stage" s WHERE s."id" = a."stageId" AND s."trust" <> 'fork';

-- A release has the class of the run that built its image; where no build is on record any more, the lowest of its runs.
UPDATE "Release" l SET "trust" = COALESCE(
  (SELECT s."trust" FROM "Run" r JOIN "Stage" s ON s."runId" = r."id" AND s."name" = 'build' AND s."promotionId" IS NULL
   WHERE r."projectId" = l."projectId" AND r."tree" = l."tree" AND s."status" = 'succeeded' AND s."digest" = l."digest"
   ORDER BY array_position(ARRAY['fork', 'feature', 'develop', 'release'], s."trust") DESC LIMIT 1),
  (SELECT r."trust" FROM "Run" r WHERE r."releaseId" = l."id"
   ORDER BY array_position(ARRAY['fork', 'feature', 'develop', 'release'], r."trust") LIMIT 1),
  'fork');
