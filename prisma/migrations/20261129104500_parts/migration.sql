-- CreateTable
CREATE TABLE "Part" (
    "name" TEXT NOT NULL,
    "worker" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "code" TEXT NOT NULL DEFAULT '',
    "params" JSONB NOT NULL DEFAULT '{}',
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "seenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Part_pkey" PRIMARY KEY ("name","worker")
);

-- Written every few seconds, in place: room on each page keeps its updates off the index.
ALTER TABLE "Part" SET (fillfactor = 50);
