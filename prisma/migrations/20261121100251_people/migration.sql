-- DropForeignKey
ALTER TABLE "Approval" DROP CONSTRAINT "Approval_promotionId_fkey";

-- DropIndex
DROP INDEX "Approval_accountId_idx";

-- DropIndex
DROP INDEX "Approval_promotionId_accountId_key";

-- AlterTable
ALTER TABLE "Account" ADD COLUMN     "disabledAt" TIMESTAMPTZ(3),
ALTER COLUMN "passwordHash" DROP NOT NULL;

-- AlterTable
ALTER TABLE "ApiToken" ADD COLUMN     "scopes" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- AlterTable
ALTER TABLE "Approval" ADD COLUMN     "ask" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "authenticatorData" BYTEA,
ADD COLUMN     "because" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "clientData" BYTEA,
ADD COLUMN     "consumedEpoch" INTEGER,
ADD COLUMN     "decision" TEXT NOT NULL DEFAULT 'approve',
ADD COLUMN     "epoch" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "expiresAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
ADD COLUMN     "hash" TEXT NOT NULL DEFAULT gen_random_uuid()::text,
ADD COLUMN     "passkeyId" INTEGER,
ADD COLUMN     "policyChangeId" INTEGER,
ADD COLUMN     "review" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "reviewDueAt" TIMESTAMPTZ(3),
ADD COLUMN     "reviewedAt" TIMESTAMPTZ(3),
ADD COLUMN     "reviewerId" INTEGER,
ADD COLUMN     "reviewerName" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "signature" BYTEA,
ADD COLUMN     "statement" BYTEA NOT NULL DEFAULT '\x',
ADD COLUMN     "status" TEXT NOT NULL DEFAULT 'given',
ALTER COLUMN "promotionId" DROP NOT NULL,
ALTER COLUMN "digest" SET DEFAULT '';

-- An approval of an earlier version has no statement: it counts no longer, and has to be given again.
ALTER TABLE "Approval" ALTER COLUMN "expiresAt" DROP DEFAULT, ALTER COLUMN "hash" DROP DEFAULT, ALTER COLUMN "statement" DROP DEFAULT;

-- AlterTable
ALTER TABLE "AuditEntry" ADD COLUMN     "environmentId" INTEGER,
ADD COLUMN     "releaseId" INTEGER,
ADD COLUMN     "writer" TEXT NOT NULL DEFAULT '';

-- AlterTable
ALTER TABLE "Environment" ADD COLUMN     "policyVersion" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "stoppedAt" TIMESTAMPTZ(3),
ADD COLUMN     "stoppedBecause" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "stoppedBy" TEXT NOT NULL DEFAULT '';

-- AlterTable
ALTER TABLE "Promotion" ADD COLUMN     "ask" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "certificate" TEXT,
ADD COLUMN     "range" JSONB,
ADD COLUMN     "remindedAt" TIMESTAMPTZ(3),
ADD COLUMN     "retriedById" INTEGER,
ADD COLUMN     "startedById" INTEGER;

-- AlterTable
ALTER TABLE "Release" ADD COLUMN     "bytes" BIGINT;

-- AlterTable
ALTER TABLE "Session" ADD COLUMN     "address" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "agent" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "how" TEXT NOT NULL DEFAULT 'password',
ADD COLUMN     "id" SERIAL NOT NULL,
ADD COLUMN     "lastSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;

-- CreateTable
CREATE TABLE "PolicyVersion" (
    "id" SERIAL NOT NULL,
    "environmentId" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    "policy" JSONB NOT NULL,
    "sha256" TEXT NOT NULL,
    "because" TEXT NOT NULL DEFAULT '',
    "authorId" INTEGER,
    "authorName" TEXT NOT NULL,
    "changeId" INTEGER,
    "certificate" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "PolicyVersion_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PolicyChange" (
    "id" SERIAL NOT NULL,
    "environmentId" INTEGER NOT NULL,
    "baseVersion" INTEGER NOT NULL,
    "policy" JSONB NOT NULL,
    "because" TEXT NOT NULL DEFAULT '',
    "reason" TEXT NOT NULL DEFAULT '',
    "authorId" INTEGER NOT NULL,
    "authorName" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'proposed',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finishedAt" TIMESTAMPTZ(3),
    "dueAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "epoch" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "PolicyChange_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Statement" (
    "hash" TEXT NOT NULL,
    "promotionId" INTEGER,
    "policyChangeId" INTEGER,
    "accountId" INTEGER NOT NULL,
    "decision" TEXT NOT NULL,
    "bytes" BYTEA NOT NULL,
    "challenge" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Statement_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "AuditLeaf" (
    "seq" BIGINT NOT NULL,
    "entryId" BIGINT NOT NULL,
    "body" BYTEA NOT NULL,
    "leaf" BYTEA NOT NULL,

    CONSTRAINT "AuditLeaf_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "AuditName" (
    "commitment" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "salt" BYTEA NOT NULL,

    CONSTRAINT "AuditName_pkey" PRIMARY KEY ("commitment")
);

-- CreateTable
CREATE TABLE "Checkpoint" (
    "size" BIGINT NOT NULL,
    "root" BYTEA NOT NULL,
    "note" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Checkpoint_pkey" PRIMARY KEY ("size")
);

-- CreateTable
CREATE TABLE "Installation" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "origin" TEXT NOT NULL,
    "stoppedAt" TIMESTAMPTZ(3),
    "stoppedBy" TEXT NOT NULL DEFAULT '',
    "stoppedBecause" TEXT NOT NULL DEFAULT '',

    CONSTRAINT "Installation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Identity" (
    "id" SERIAL NOT NULL,
    "accountId" INTEGER NOT NULL,
    "issuer" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "name" TEXT NOT NULL DEFAULT '',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastUsedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Identity_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SignInAttempt" (
    "hash" TEXT NOT NULL,
    "verifier" TEXT NOT NULL,
    "nonce" TEXT NOT NULL,
    "next" TEXT NOT NULL DEFAULT '/',
    "accountId" INTEGER,
    "cookie" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "SignInAttempt_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "Membership" (
    "id" SERIAL NOT NULL,
    "accountId" INTEGER NOT NULL,
    "projectId" INTEGER NOT NULL,
    "environment" TEXT NOT NULL DEFAULT '',
    "role" TEXT NOT NULL,
    "grantedBy" TEXT NOT NULL DEFAULT '',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Membership_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Passkey" (
    "id" SERIAL NOT NULL,
    "accountId" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "credentialId" TEXT NOT NULL,
    "publicKey" BYTEA NOT NULL,
    "spki" BYTEA NOT NULL,
    "alg" INTEGER NOT NULL,
    "aaguid" TEXT NOT NULL DEFAULT '',
    "backupEligible" BOOLEAN NOT NULL DEFAULT false,
    "backedUp" BOOLEAN NOT NULL DEFAULT false,
    "transports" JSONB NOT NULL DEFAULT '[]',
    "signCount" BIGINT NOT NULL DEFAULT 0,
    "status" TEXT NOT NULL DEFAULT 'proposed',
    "because" TEXT NOT NULL DEFAULT '',
    "proof" TEXT,
    "vouch" JSONB,
    "roles" JSONB NOT NULL DEFAULT '[]',
    "certificate" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "admittedAt" TIMESTAMPTZ(3),
    "removedAt" TIMESTAMPTZ(3),
    "lastUsedAt" TIMESTAMPTZ(3),
    "dueAt" TIMESTAMPTZ(3),
    "epoch" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "Passkey_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PasskeyChallenge" (
    "challenge" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "accountId" INTEGER,
    "data" JSONB NOT NULL DEFAULT '{}',
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "PasskeyChallenge_pkey" PRIMARY KEY ("challenge")
);

-- CreateIndex
CREATE INDEX "Run_projectId_id_idx" ON "Run"("projectId", "id");

-- CreateIndex
CREATE INDEX "Release_projectId_id_idx" ON "Release"("projectId", "id");

-- CreateIndex
CREATE INDEX "MergeRequest_projectId_id_idx" ON "MergeRequest"("projectId", "id");

-- CreateIndex
CREATE INDEX "Delivery_projectId_id_idx" ON "Delivery"("projectId", "id");

-- CreateIndex
CREATE INDEX "MergeRequest_projectId_mergeCommit_idx" ON "MergeRequest"("projectId", "mergeCommit");

-- CreateIndex
CREATE UNIQUE INDEX "PolicyVersion_environmentId_version_key" ON "PolicyVersion"("environmentId", "version");

-- CreateIndex
CREATE INDEX "PolicyChange_environmentId_id_idx" ON "PolicyChange"("environmentId", "id");

-- CreateIndex
CREATE INDEX "Statement_expiresAt_idx" ON "Statement"("expiresAt");

-- CreateIndex
CREATE INDEX "Statement_accountId_idx" ON "Statement"("accountId");

-- CreateIndex
CREATE INDEX "Statement_promotionId_idx" ON "Statement"("promotionId");

-- CreateIndex
CREATE INDEX "Statement_policyChangeId_idx" ON "Statement"("policyChangeId");

-- CreateIndex
CREATE UNIQUE INDEX "AuditLeaf_entryId_key" ON "AuditLeaf"("entryId");

-- CreateIndex
CREATE UNIQUE INDEX "AuditName_actor_name_key" ON "AuditName"("actor", "name");

-- CreateIndex
CREATE INDEX "Identity_accountId_idx" ON "Identity"("accountId");

-- CreateIndex
CREATE UNIQUE INDEX "Identity_issuer_subject_key" ON "Identity"("issuer", "subject");

-- CreateIndex
CREATE INDEX "SignInAttempt_expiresAt_idx" ON "SignInAttempt"("expiresAt");

-- CreateIndex
CREATE INDEX "Membership_projectId_idx" ON "Membership"("projectId");

-- CreateIndex
CREATE UNIQUE INDEX "Membership_accountId_projectId_environment_role_key" ON "Membership"("accountId", "projectId", "environment", "role");

-- CreateIndex
CREATE UNIQUE INDEX "Passkey_credentialId_key" ON "Passkey"("credentialId");

-- CreateIndex
CREATE INDEX "Passkey_accountId_idx" ON "Passkey"("accountId");

-- CreateIndex
CREATE INDEX "PasskeyChallenge_expiresAt_idx" ON "PasskeyChallenge"("expiresAt");

-- CreateIndex
CREATE UNIQUE INDEX "Approval_hash_key" ON "Approval"("hash");

-- CreateIndex
CREATE INDEX "Approval_promotionId_accountId_idx" ON "Approval"("promotionId", "accountId");

-- CreateIndex
CREATE INDEX "Approval_policyChangeId_idx" ON "Approval"("policyChangeId");

-- CreateIndex
CREATE INDEX "Approval_accountId_id_idx" ON "Approval"("accountId", "id");

-- CreateIndex
CREATE INDEX "Approval_passkeyId_idx" ON "Approval"("passkeyId");

-- CreateIndex
CREATE INDEX "AuditEntry_environmentId_id_idx" ON "AuditEntry"("environmentId", "id");

-- CreateIndex
CREATE INDEX "AuditEntry_releaseId_id_idx" ON "AuditEntry"("releaseId", "id");

-- CreateIndex
CREATE INDEX "AuditEntry_actor_id_idx" ON "AuditEntry"("actor", "id");

-- CreateIndex
CREATE INDEX "AuditEntry_kind_id_idx" ON "AuditEntry"("kind", "id");

-- CreateIndex
CREATE INDEX "AuditEntry_at_idx" ON "AuditEntry"("at");

-- CreateIndex
CREATE UNIQUE INDEX "Session_id_key" ON "Session"("id");

-- AddForeignKey
ALTER TABLE "PolicyVersion" ADD CONSTRAINT "PolicyVersion_environmentId_fkey" FOREIGN KEY ("environmentId") REFERENCES "Environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PolicyChange" ADD CONSTRAINT "PolicyChange_environmentId_fkey" FOREIGN KEY ("environmentId") REFERENCES "Environment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Approval" ADD CONSTRAINT "Approval_promotionId_fkey" FOREIGN KEY ("promotionId") REFERENCES "Promotion"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Approval" ADD CONSTRAINT "Approval_policyChangeId_fkey" FOREIGN KEY ("policyChangeId") REFERENCES "PolicyChange"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Approval" ADD CONSTRAINT "Approval_passkeyId_fkey" FOREIGN KEY ("passkeyId") REFERENCES "Passkey"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Statement" ADD CONSTRAINT "Statement_promotionId_fkey" FOREIGN KEY ("promotionId") REFERENCES "Promotion"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Statement" ADD CONSTRAINT "Statement_policyChangeId_fkey" FOREIGN KEY ("policyChangeId") REFERENCES "PolicyChange"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Statement" ADD CONSTRAINT "Statement_accountId_fkey" FOREIGN KEY ("accountId") REFERENCES "Account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AuditLeaf" ADD CONSTRAINT "AuditLeaf_entryId_fkey" FOREIGN KEY ("entryId") REFERENCES "AuditEntry"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Identity" ADD CONSTRAINT "Identity_accountId_fkey" FOREIGN KEY ("accountId") REFERENCES "Account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Membership" ADD CONSTRAINT "Membership_accountId_fkey" FOREIGN KEY ("accountId") REFERENCES "Account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Membership" ADD CONSTRAINT "Membership_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Passkey" ADD CONSTRAINT "Passkey_accountId_fkey" FOREIGN KEY ("accountId") REFERENCES "Account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
