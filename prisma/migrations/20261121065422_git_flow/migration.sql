-- DropIndex
DROP INDEX "Promotion_runId_environmentId_key";

-- DropIndex
DROP INDEX "Stage_runId_name_key";

-- AlterTable
ALTER TABLE "Account" ADD COLUMN     "forgeUserId" TEXT;

-- AlterTable
ALTER TABLE "Delivery" ADD COLUMN     "mergeRequestId" INTEGER,
ADD COLUMN     "replayOf" INTEGER;

-- AlterTable
ALTER TABLE "Environment" ADD COLUMN     "heldAt" TIMESTAMPTZ(3),
ADD COLUMN     "heldBecause" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "heldBy" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "removedAt" TIMESTAMPTZ(3),
ADD COLUMN     "removedBecause" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "unreachableBecause" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "unreachableSince" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "Project" ADD COLUMN     "botId" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "flow" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN     "reconcileAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
ADD COLUMN     "reconciledAt" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "Promotion" ADD COLUMN     "forgeAttempts" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "forgeBecause" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "forgeDeployment" BIGINT,
ADD COLUMN     "forgeDueAt" TIMESTAMPTZ(3),
ADD COLUMN     "forgeState" TEXT,
ADD COLUMN     "inside" JSONB,
ADD COLUMN     "insteadOf" INTEGER,
ADD COLUMN     "kind" TEXT NOT NULL DEFAULT 'onward',
ADD COLUMN     "priority" INTEGER NOT NULL DEFAULT 10,
ADD COLUMN     "reason" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "requesterId" INTEGER,
ADD COLUMN     "startedByHand" TEXT,
ADD COLUMN     "verifiedAt" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "Release" ADD COLUMN     "bases" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN     "refusedAt" TIMESTAMPTZ(3),
ADD COLUMN     "refusedBecause" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "refusedBy" TEXT NOT NULL DEFAULT '';

-- AlterTable
ALTER TABLE "Run" ADD COLUMN     "definitionCommit" TEXT,
ADD COLUMN     "mergeRequestId" INTEGER,
ADD COLUMN     "origin" TEXT NOT NULL DEFAULT 'push';

-- AlterTable
ALTER TABLE "Stage" ADD COLUMN     "promotionId" INTEGER,
ADD COLUMN     "round" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "tests" JSONB;

-- CreateTable
CREATE TABLE "TestCase" (
    "stageId" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    "suite" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "ms" INTEGER NOT NULL,
    "message" TEXT NOT NULL DEFAULT '',
    "output" TEXT NOT NULL DEFAULT '',

    CONSTRAINT "TestCase_pkey" PRIMARY KEY ("stageId","epoch","position")
);

-- CreateTable
CREATE TABLE "Artifact" (
    "id" SERIAL NOT NULL,
    "stageId" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "path" TEXT NOT NULL,
    "bytes" INTEGER NOT NULL,
    "sha256" TEXT NOT NULL,
    "data" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Artifact_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Approval" (
    "id" SERIAL NOT NULL,
    "promotionId" INTEGER NOT NULL,
    "accountId" INTEGER NOT NULL,
    "accountName" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "comment" TEXT NOT NULL DEFAULT '',
    "digest" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Approval_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "MergeRequest" (
    "id" SERIAL NOT NULL,
    "projectId" INTEGER NOT NULL,
    "iid" INTEGER NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'opened',
    "because" TEXT NOT NULL DEFAULT '',
    "title" TEXT NOT NULL DEFAULT '',
    "source" TEXT NOT NULL DEFAULT '',
    "target" TEXT NOT NULL DEFAULT '',
    "sourceKind" TEXT NOT NULL DEFAULT 'other',
    "targetKind" TEXT NOT NULL DEFAULT 'other',
    "fork" BOOLEAN NOT NULL DEFAULT false,
    "sourcePath" TEXT NOT NULL DEFAULT '',
    "head" TEXT NOT NULL DEFAULT '',
    "draft" BOOLEAN NOT NULL DEFAULT false,
    "authorId" TEXT NOT NULL DEFAULT '',
    "authorName" TEXT NOT NULL DEFAULT '',
    "mergerId" TEXT NOT NULL DEFAULT '',
    "mergerName" TEXT NOT NULL DEFAULT '',
    "webUrl" TEXT NOT NULL DEFAULT '',
    "mergeable" TEXT NOT NULL DEFAULT '',
    "pairOk" BOOLEAN NOT NULL DEFAULT false,
    "pairBecause" TEXT NOT NULL DEFAULT '',
    "approvals" JSONB NOT NULL DEFAULT '[]',
    "mergeCommit" TEXT,
    "noteForgeId" BIGINT,
    "noteSent" TEXT NOT NULL DEFAULT '',
    "flowSent" TEXT NOT NULL DEFAULT '',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "syncedAt" TIMESTAMPTZ(3),
    "dueAt" TIMESTAMPTZ(3) DEFAULT CURRENT_TIMESTAMP,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "leaseUntil" TIMESTAMPTZ(3),
    "worker" TEXT,
    "forgeBecause" TEXT NOT NULL DEFAULT '',

    CONSTRAINT "MergeRequest_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "MergeAction" (
    "id" SERIAL NOT NULL,
    "projectId" INTEGER NOT NULL,
    "mergeRequestId" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "head" TEXT NOT NULL,
    "accountId" INTEGER NOT NULL,
    "accountName" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'queued',
    "because" TEXT NOT NULL DEFAULT '',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finishedAt" TIMESTAMPTZ(3),
    "dueAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "leaseUntil" TIMESTAMPTZ(3),
    "worker" TEXT,

    CONSTRAINT "MergeAction_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Tag" (
    "id" SERIAL NOT NULL,
    "projectId" INTEGER NOT NULL,
    "name" TEXT,
    "commit" TEXT NOT NULL,
    "runId" INTEGER,
    "releaseId" INTEGER,
    "status" TEXT NOT NULL,
    "because" TEXT NOT NULL DEFAULT '',
    "by" TEXT NOT NULL DEFAULT '',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "dueAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "leaseUntil" TIMESTAMPTZ(3),
    "worker" TEXT,

    CONSTRAINT "Tag_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "BackMerge" (
    "id" SERIAL NOT NULL,
    "projectId" INTEGER NOT NULL,
    "releaseId" INTEGER NOT NULL,
    "promotionId" INTEGER NOT NULL,
    "source" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "commit" TEXT NOT NULL,
    "hotfix" BOOLEAN NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'owed',
    "because" TEXT NOT NULL DEFAULT '',
    "iid" INTEGER,
    "url" TEXT NOT NULL DEFAULT '',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finishedAt" TIMESTAMPTZ(3),
    "dueAt" TIMESTAMPTZ(3) DEFAULT CURRENT_TIMESTAMP,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "leaseUntil" TIMESTAMPTZ(3),
    "worker" TEXT,

    CONSTRAINT "BackMerge_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "BranchHead" (
    "projectId" INTEGER NOT NULL,
    "branch" TEXT NOT NULL,
    "commit" TEXT NOT NULL,
    "seenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "BranchHead_pkey" PRIMARY KEY ("projectId","branch")
);

-- CreateIndex
CREATE INDEX "Artifact_createdAt_idx" ON "Artifact"("createdAt");

-- CreateIndex
CREATE UNIQUE INDEX "Artifact_stageId_epoch_path_key" ON "Artifact"("stageId", "epoch", "path");

-- CreateIndex
CREATE INDEX "Approval_accountId_idx" ON "Approval"("accountId");

-- CreateIndex
CREATE UNIQUE INDEX "Approval_promotionId_accountId_key" ON "Approval"("promotionId", "accountId");

-- CreateIndex
CREATE INDEX "MergeRequest_projectId_head_idx" ON "MergeRequest"("projectId", "head");

-- CreateIndex
CREATE INDEX "MergeRequest_status_id_idx" ON "MergeRequest"("status", "id");

-- CreateIndex
CREATE INDEX "MergeRequest_projectId_status_id_idx" ON "MergeRequest"("projectId", "status", "id");

-- CreateIndex
CREATE UNIQUE INDEX "MergeRequest_projectId_iid_key" ON "MergeRequest"("projectId", "iid");

-- CreateIndex
CREATE INDEX "MergeAction_mergeRequestId_id_idx" ON "MergeAction"("mergeRequestId", "id");

-- CreateIndex
CREATE INDEX "MergeAction_projectId_idx" ON "MergeAction"("projectId");

-- CreateIndex
CREATE INDEX "MergeAction_accountId_idx" ON "MergeAction"("accountId");

-- CreateIndex
CREATE INDEX "Tag_projectId_commit_idx" ON "Tag"("projectId", "commit");

-- CreateIndex
CREATE INDEX "Tag_runId_idx" ON "Tag"("runId");

-- CreateIndex
CREATE INDEX "Tag_releaseId_idx" ON "Tag"("releaseId");

-- CreateIndex
CREATE UNIQUE INDEX "Tag_projectId_name_key" ON "Tag"("projectId", "name");

-- CreateIndex
CREATE UNIQUE INDEX "BackMerge_promotionId_key" ON "BackMerge"("promotionId");

-- CreateIndex
CREATE INDEX "BackMerge_projectId_status_idx" ON "BackMerge"("projectId", "status");

-- CreateIndex
CREATE INDEX "BackMerge_releaseId_idx" ON "BackMerge"("releaseId");

-- CreateIndex
CREATE INDEX "Delivery_mergeRequestId_idx" ON "Delivery"("mergeRequestId");

-- CreateIndex
CREATE INDEX "Promotion_runId_idx" ON "Promotion"("runId");

-- CreateIndex
CREATE INDEX "Release_service_id_idx" ON "Release"("service", "id");

-- CreateIndex
CREATE INDEX "Run_mergeRequestId_idx" ON "Run"("mergeRequestId");

-- CreateIndex
CREATE INDEX "Run_projectId_commit_idx" ON "Run"("projectId", "commit");

-- CreateIndex
CREATE INDEX "Run_projectId_tree_idx" ON "Run"("projectId", "tree");

-- CreateIndex
CREATE INDEX "Stage_runId_position_idx" ON "Stage"("runId", "position");

-- CreateIndex
CREATE INDEX "Stage_promotionId_idx" ON "Stage"("promotionId");

-- AddForeignKey
ALTER TABLE "Delivery" ADD CONSTRAINT "Delivery_mergeRequestId_fkey" FOREIGN KEY ("mergeRequestId") REFERENCES "MergeRequest"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Run" ADD CONSTRAINT "Run_mergeRequestId_fkey" FOREIGN KEY ("mergeRequestId") REFERENCES "MergeRequest"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Stage" ADD CONSTRAINT "Stage_promotionId_fkey" FOREIGN KEY ("promotionId") REFERENCES "Promotion"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "TestCase" ADD CONSTRAINT "TestCase_stageId_fkey" FOREIGN KEY ("stageId") REFERENCES "Stage"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Artifact" ADD CONSTRAINT "Artifact_stageId_fkey" FOREIGN KEY ("stageId") REFERENCES "Stage"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Approval" ADD CONSTRAINT "Approval_promotionId_fkey" FOREIGN KEY ("promotionId") REFERENCES "Promotion"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Approval" ADD CONSTRAINT "Approval_accountId_fkey" FOREIGN KEY ("accountId") REFERENCES "Account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MergeRequest" ADD CONSTRAINT "MergeRequest_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MergeAction" ADD CONSTRAINT "MergeAction_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MergeAction" ADD CONSTRAINT "MergeAction_mergeRequestId_fkey" FOREIGN KEY ("mergeRequestId") REFERENCES "MergeRequest"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MergeAction" ADD CONSTRAINT "MergeAction_accountId_fkey" FOREIGN KEY ("accountId") REFERENCES "Account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Tag" ADD CONSTRAINT "Tag_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Tag" ADD CONSTRAINT "Tag_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Tag" ADD CONSTRAINT "Tag_releaseId_fkey" FOREIGN KEY ("releaseId") REFERENCES "Release"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "BackMerge" ADD CONSTRAINT "BackMerge_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "BackMerge" ADD CONSTRAINT "BackMerge_releaseId_fkey" FOREIGN KEY ("releaseId") REFERENCES "Release"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "BackMerge" ADD CONSTRAINT "BackMerge_promotionId_fkey" FOREIGN KEY ("promotionId") REFERENCES "Promotion"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "BranchHead" ADD CONSTRAINT "BranchHead_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
