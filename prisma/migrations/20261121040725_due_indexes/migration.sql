-- What the schema file cannot say: written by hand.

-- Due work. One small index for each question the sweep asks every second: it holds the rows that are due and no others,
-- so it stays small while the tables grow.
CREATE INDEX "Project_due" ON "Project" ("dueAt") WHERE "status" IN ('connecting', 'checking');

CREATE INDEX "Run_queued" ON "Run" ("priority", "id") WHERE "status" = 'queued';
CREATE INDEX "Run_leased" ON "Run" ("leaseUntil") WHERE "status" = 'planning';
CREATE INDEX "Run_retry" ON "Run" ("dueAt") WHERE "status" = 'errored';
CREATE INDEX "Run_to_cut" ON "Run" ("id") WHERE "status" = 'succeeded' AND "goesTo" IS NOT NULL AND "releaseId" IS NULL;
CREATE INDEX "Run_to_move_on" ON "Run" ("id")
  WHERE "status" = 'succeeded' AND "releaseId" IS NOT NULL AND "movedOnAt" IS NULL AND "goesTo" IS NOT NULL;

CREATE INDEX "Stage_queued" ON "Stage" ("priority", "id") WHERE "status" = 'queued';
CREATE INDEX "Stage_leased" ON "Stage" ("leaseUntil") WHERE "status" = 'running';
CREATE INDEX "Stage_retry" ON "Stage" ("dueAt") WHERE "status" = 'errored';

CREATE INDEX "Promotion_waiting" ON "Promotion" ("dueAt") WHERE "status" = 'waiting';
CREATE INDEX "Promotion_queued" ON "Promotion" ("id") WHERE "status" = 'queued';
CREATE INDEX "Promotion_leased" ON "Promotion" ("leaseUntil") WHERE "status" = 'deploying';
CREATE INDEX "Promotion_retry" ON "Promotion" ("dueAt") WHERE "status" = 'errored';

CREATE INDEX "Report_due" ON "Report" ("dueAt") WHERE "dueAt" IS NOT NULL;

-- One deployment per environment at a time, whatever the code believes.
CREATE UNIQUE INDEX "Promotion_one_deploying" ON "Promotion" ("environmentId") WHERE "status" = 'deploying';

-- The trail is append-only. By statement, so that TRUNCATE and a change of no row are refused as well; ALWAYS, so that
-- session_replication_role cannot switch it off.
CREATE FUNCTION "refuse_change_of_trail"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit trail is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER "AuditEntry_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "AuditEntry"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change_of_trail"();
ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER "AuditEntry_append_only";

-- The last word on what a stranger can make us store. The code refuses or shortens earlier; in characters.
ALTER TABLE "Delivery" ADD CONSTRAINT "Delivery_decision" CHECK ("decision" IN ('accepted', 'ignored', 'refused', 'duplicate'));
ALTER TABLE "Run" ADD CONSTRAINT "Run_branch_length" CHECK (char_length("branch") <= 1024);
ALTER TABLE "Run" ADD CONSTRAINT "Run_title_length" CHECK (char_length("title") <= 1000);
ALTER TABLE "Release" ADD CONSTRAINT "Release_branch_length" CHECK (char_length("branch") <= 1024);
ALTER TABLE "Project" ADD CONSTRAINT "Project_because_length" CHECK (char_length("because") <= 8000);
ALTER TABLE "Delivery" ADD CONSTRAINT "Delivery_because_length" CHECK (char_length("because") <= 8000);
ALTER TABLE "Run" ADD CONSTRAINT "Run_because_length" CHECK (char_length("because") <= 8000);
ALTER TABLE "Stage" ADD CONSTRAINT "Stage_because_length" CHECK (char_length("because") <= 8000);
ALTER TABLE "Promotion" ADD CONSTRAINT "Promotion_because_length" CHECK (char_length("because") <= 8000);
ALTER TABLE "Report" ADD CONSTRAINT "Report_because_length" CHECK (char_length("because") <= 8000);
ALTER TABLE "AuditEntry" ADD CONSTRAINT "AuditEntry_because_length" CHECK (char_length("because") <= 8000);
