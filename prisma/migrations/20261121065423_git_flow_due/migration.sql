-- What the schema file cannot say: written by hand.

-- A run has each stage once; so has each round of a promotion's verification.
CREATE UNIQUE INDEX "Stage_of_run" ON "Stage" ("runId", "name") WHERE "promotionId" IS NULL;
CREATE UNIQUE INDEX "Stage_of_promotion" ON "Stage" ("promotionId", "round", "name") WHERE "promotionId" IS NOT NULL;

-- A run goes on by itself once.
CREATE UNIQUE INDEX "Promotion_onward_once" ON "Promotion" ("runId", "environmentId") WHERE "kind" = 'onward';

-- Before verification existed a deployment was as far as a promotion came. What was observed running then counts as
-- verified: there was nothing else to pass. The trail says so, entry by entry.
WITH changed AS (
  UPDATE "Promotion" SET "status" = 'verified', "verifiedAt" = "deployedAt" WHERE "status" = 'deployed'
  RETURNING "id", "runId", "environmentId"
)
INSERT INTO "AuditEntry" ("kind", "actor", "actorName", "projectId", "subject", "subjectId", "runId", "before", "after", "because")
SELECT 'promotion.pass', 'shiplock', 'Shiplock', e."projectId", 'promotion', c."id", c."runId", 'deployed', 'verified',
  'deployed before this version verified anything'
FROM changed c JOIN "Environment" e ON e."id" = c."environmentId";

-- From the claim until it is verified, an environment is one promotion's: what is being verified must not change.
DROP INDEX "Promotion_one_deploying";
CREATE UNIQUE INDEX "Promotion_one_at_a_time" ON "Promotion" ("environmentId") WHERE "status" IN ('deploying', 'deployed', 'verifying');

-- Due work, one small index for each question.
DROP INDEX "Promotion_queued";
CREATE INDEX "Promotion_queued" ON "Promotion" ("priority", "id") WHERE "status" = 'queued';
CREATE INDEX "Promotion_deployed" ON "Promotion" ("id") WHERE "status" = 'deployed';
CREATE INDEX "Promotion_verifying" ON "Promotion" ("id") WHERE "status" = 'verifying';
CREATE INDEX "Promotion_forge_due" ON "Promotion" ("forgeDueAt") WHERE "forgeDueAt" IS NOT NULL;
CREATE INDEX "MergeRequest_due" ON "MergeRequest" ("dueAt") WHERE "dueAt" IS NOT NULL;
CREATE INDEX "MergeAction_due" ON "MergeAction" ("dueAt") WHERE "status" IN ('queued', 'doing');
CREATE INDEX "Tag_due" ON "Tag" ("dueAt") WHERE "status" IN ('owed', 'making');
CREATE INDEX "BackMerge_due" ON "BackMerge" ("dueAt") WHERE "dueAt" IS NOT NULL;
CREATE INDEX "Project_reconcile_due" ON "Project" ("reconcileAt") WHERE "status" = 'connected';

-- What people look for.
CREATE INDEX "Release_refused" ON "Release" ("projectId") WHERE "refusedAt" IS NOT NULL;
CREATE INDEX "BackMerge_unpaid" ON "BackMerge" ("projectId") WHERE "status" IN ('owed', 'opened', 'conflicting', 'declined');
CREATE INDEX "Promotion_instead" ON "Promotion" ("insteadOf") WHERE "insteadOf" IS NOT NULL;
CREATE INDEX "Promotion_of_branch" ON "Promotion" ("environmentId", "runId") WHERE "status" NOT IN ('refused', 'superseded', 'canceled');

ALTER TABLE "Promotion" ADD CONSTRAINT "Promotion_kind" CHECK ("kind" IN ('onward', 'by-hand', 'rollback', 'put-back'));
ALTER TABLE "Promotion" ADD CONSTRAINT "Promotion_reason_length" CHECK (char_length("reason") <= 2000);
ALTER TABLE "Release" ADD CONSTRAINT "Release_refused_length" CHECK (char_length("refusedBecause") <= 2000);
ALTER TABLE "Environment" ADD CONSTRAINT "Environment_held_length" CHECK (char_length("heldBecause") <= 2000);
ALTER TABLE "Approval" ADD CONSTRAINT "Approval_comment_length" CHECK (char_length("comment") <= 2000);
ALTER TABLE "MergeRequest" ADD CONSTRAINT "MergeRequest_title_length" CHECK (char_length("title") <= 1000);
ALTER TABLE "Tag" ADD CONSTRAINT "Tag_name_length" CHECK (char_length("name") <= 1024);
