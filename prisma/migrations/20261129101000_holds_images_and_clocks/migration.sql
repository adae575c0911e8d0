-- AlterTable
ALTER TABLE "Environment" ADD COLUMN     "heldBefore" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN     "heldFor" JSONB;

-- AlterTable
ALTER TABLE "Promotion" ADD COLUMN     "imageAsked" TEXT,
ADD COLUMN     "imageBecause" TEXT NOT NULL DEFAULT '';

-- AlterTable
ALTER TABLE "Worker" ADD COLUMN     "clockOffMs" INTEGER;
