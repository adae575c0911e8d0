-- What the schema file cannot say: written by hand. The trail: who wrote, the hash chain, and what nobody may change.

-- The name of this trail; mixed entries of two installations are seen by it.
INSERT INTO "Installation" ("id", "origin") VALUES (1, 'shiplock/' || gen_random_uuid());
ALTER TABLE "Installation" ADD CONSTRAINT "Installation_one" CHECK ("id" = 1);

-- RFC 8785 for what the trail holds: keys are ASCII and numbers are whole, so the order of bytes is the order it asks for.
CREATE FUNCTION "trail_json"(j jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, public AS $$
BEGIN
  CASE jsonb_typeof(j)
    WHEN 'object' THEN
      RETURN '{' || COALESCE((SELECT string_agg(to_json(key)::text || ':' || public."trail_json"(value), ',' ORDER BY key COLLATE "C") FROM jsonb_each(j)), '') || '}';
    WHEN 'array' THEN
      RETURN '[' || COALESCE((SELECT string_agg(public."trail_json"(value), ',' ORDER BY n) FROM jsonb_array_elements(j) WITH ORDINALITY AS a(value, n)), '') || ']';
    WHEN 'string' THEN
      RETURN to_json(j #>> '{}')::text;
    ELSE
      RETURN j::text;
  END CASE;
END
$$;

-- Which of the processes writes: each has a database role of its own, and it cannot say it is another.
CREATE FUNCTION "trail_writer"() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT CASE WHEN session_user LIKE '%\_web' THEN 'web' WHEN session_user LIKE '%\_worker' THEN 'worker' ELSE 'owner' END
$$;

CREATE FUNCTION "trail_fill"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  NEW.writer := "trail_writer"();
  IF NEW.writer = 'web' AND NEW.actor LIKE 'worker:%' THEN
    RAISE EXCEPTION 'the web process does not speak for a worker' USING ERRCODE = 'insufficient_privilege';
  END IF;
  NEW.at := clock_timestamp();
  CASE NEW.subject
    WHEN 'promotion' THEN
      SELECT p."environmentId", p."releaseId" INTO NEW."environmentId", NEW."releaseId" FROM "Promotion" p WHERE p.id = NEW."subjectId";
    WHEN 'approval' THEN
      SELECT COALESCE(p."environmentId", c."environmentId"), p."releaseId" INTO NEW."environmentId", NEW."releaseId"
      FROM "Approval" a LEFT JOIN "Promotion" p ON p.id = a."promotionId" LEFT JOIN "PolicyChange" c ON c.id = a."policyChangeId" WHERE a.id = NEW."subjectId";
    WHEN 'policyChange' THEN
      SELECT c."environmentId" INTO NEW."environmentId" FROM "PolicyChange" c WHERE c.id = NEW."subjectId";
    WHEN 'environment' THEN NEW."environmentId" := NEW."subjectId";
    WHEN 'release' THEN NEW."releaseId" := NEW."subjectId";
    ELSE
      IF NEW."runId" IS NOT NULL THEN SELECT r."releaseId" INTO NEW."releaseId" FROM "Run" r WHERE r.id = NEW."runId"; END IF;
  END CASE;
  RETURN NEW;
END
$$;
CREATE TRIGGER "AuditEntry_fill" BEFORE INSERT ON "AuditEntry" FOR EACH ROW EXECUTE FUNCTION "trail_fill"();
ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER "AuditEntry_fill";

-- The one door: who may call this writes an entry, and can do nothing else to the trail.
CREATE FUNCTION "audit_append"(
  kind text, actor text, "actorName" text, "projectId" int, subject text, "subjectId" int, "runId" int,
  before text, after text, because text, data jsonb
) RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO "AuditEntry" (kind, actor, "actorName", "projectId", subject, "subjectId", "runId", before, after, because, data)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, left(COALESCE($10, ''), 8000), COALESCE($11, '{}'))
  RETURNING id
$$;

-- Links an entry into the chain. The lock orders all writers and lives until the commit, of which this is the last step: no
-- other lock is taken after it, so writers wait for one another and never in a circle.
CREATE FUNCTION "trail_link"(e "AuditEntry") RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  last record;
  next bigint := 0;
  prev bytea := '\x';
  named text;
  salt bytea;
  body bytea;
BEGIN
  PERFORM pg_advisory_xact_lock(727073690);
  SELECT l.seq, l.leaf INTO last FROM "AuditLeaf" l ORDER BY l.seq DESC LIMIT 1;
  IF FOUND THEN
    next := last.seq + 1;
    prev := last.leaf;
  END IF;
  SELECT n.commitment INTO named FROM "AuditName" n WHERE n.actor = e.actor AND n.name = e."actorName";
  IF NOT FOUND THEN
    salt := decode(replace(gen_random_uuid()::text, '-', ''), 'hex');
    named := encode(sha256(salt || convert_to(e."actorName", 'UTF8')), 'hex');
    INSERT INTO "AuditName" (commitment, actor, name, salt) VALUES (named, e.actor, e."actorName", salt);
  END IF;
  -- Put together as text, keys in their order: all writers wait for this function, and only what an entry holds of its own is walked.
  body := convert_to(
    '{"actor":{"id":' || to_json(e.actor)::text || ',"name":"' || named || '"},"after":' || COALESCE(to_json(e.after)::text, 'null')
    || ',"at":"' || to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '","because":' || to_json(e.because)::text
    || ',"before":' || COALESCE(to_json(e.before)::text, 'null')
    || ',"data":' || CASE WHEN e.data = '{}' THEN '{}' ELSE "trail_json"(e.data) END
    || ',"environment":' || COALESCE(e."environmentId"::text, 'null') || ',"kind":' || to_json(e.kind)::text
    || ',"origin":' || (SELECT to_json(i.origin)::text FROM "Installation" i WHERE i.id = 1)
    || ',"prev":"' || encode(prev, 'hex') || '","project":' || COALESCE(e."projectId"::text, 'null')
    || ',"release":' || COALESCE(e."releaseId"::text, 'null') || ',"run":' || COALESCE(e."runId"::text, 'null')
    || ',"seq":' || next || ',"subject":{"id":' || COALESCE(e."subjectId"::text, 'null') || ',"kind":' || to_json(e.subject)::text
    || '},"v":1,"writer":' || to_json(e.writer)::text || '}', 'UTF8');
  INSERT INTO "AuditLeaf" (seq, "entryId", body, leaf) VALUES (next, e.id, body, sha256('\x00'::bytea || body));
  -- What opens or closes a door is covered by a signed checkpoint at once.
  IF e.kind IN ('approval.give', 'approval.use', 'promotion.observe', 'promotion.break-glass', 'passkey.admit', 'passkey.remove',
                'policyChange.apply', 'environment.policy', 'environment.stop', 'environment.go', 'installation.stop',
                'installation.go', 'trail.key', 'trail.export') THEN
    PERFORM pg_notify('shiplock', 'trail:' || (next + 1) || ':due');
  END IF;
END
$$;
CREATE FUNCTION "trail_chain"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM "trail_link"(NEW);
  RETURN NULL;
END
$$;

-- What was written before there was a chain is linked in the order it was written.
DO $$
DECLARE e "AuditEntry";
BEGIN
  FOR e IN SELECT * FROM "AuditEntry" ORDER BY id LOOP
    PERFORM "trail_link"(e);
  END LOOP;
END
$$;

CREATE CONSTRAINT TRIGGER "AuditEntry_chain" AFTER INSERT ON "AuditEntry" DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION "trail_chain"();
ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER "AuditEntry_chain";

-- Append-only, by statement, so that TRUNCATE and a change of no row are refused as well. ALWAYS: session_replication_role
-- cannot switch it off. One column may be emptied: the name, which the bytes hold as a commitment only.
DROP TRIGGER "AuditEntry_append_only" ON "AuditEntry";
CREATE TRIGGER "AuditEntry_append_only" BEFORE DELETE OR TRUNCATE OR UPDATE OF
  "id", "at", "kind", "actor", "writer", "projectId", "environmentId", "releaseId", "subject", "subjectId", "runId", "before", "after", "because", "data"
  ON "AuditEntry" FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change_of_trail"();
ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER "AuditEntry_append_only";
CREATE TRIGGER "AuditEntry_name" BEFORE UPDATE OF "actorName" ON "AuditEntry" FOR EACH ROW WHEN (NEW."actorName" <> '')
  EXECUTE FUNCTION "refuse_change_of_trail"();
ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER "AuditEntry_name";
CREATE TRIGGER "AuditLeaf_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "AuditLeaf"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change_of_trail"();
ALTER TABLE "AuditLeaf" ENABLE ALWAYS TRIGGER "AuditLeaf_append_only";
CREATE TRIGGER "Checkpoint_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "Checkpoint"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change_of_trail"();
ALTER TABLE "Checkpoint" ENABLE ALWAYS TRIGGER "Checkpoint_append_only";

-- Nobody calls these but the triggers, and the roles that are told to (prisma/roles.ts).
REVOKE EXECUTE ON FUNCTION "audit_append"(text, text, text, int, text, int, int, text, text, text, jsonb), "trail_link"("AuditEntry"),
  "trail_chain"(), "trail_fill"() FROM PUBLIC;

-- Everybody's roles at a place, from the one or the other. No account, or a disabled one, has none. Parameters by number: a
-- column wins over a parameter of the same name.
CREATE FUNCTION "roles_of"(account int, project int, environment text) RETURNS text[] LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT COALESCE(array_agg(DISTINCT r.role), '{}') FROM (
    SELECT a.role FROM "Account" a WHERE a.id = $1 AND a."disabledAt" IS NULL AND a.role <> 'member'
    UNION ALL
    SELECT m.role FROM "Membership" m JOIN "Account" a ON a.id = m."accountId" AND a."disabledAt" IS NULL
    WHERE m."accountId" = $1 AND m."projectId" = $2 AND m.environment IN ('', $3)) r
$$;

-- Due work, one small index for each question.
CREATE INDEX "Approval_due" ON "Approval" ("expiresAt") WHERE "status" = 'given';
CREATE INDEX "Approval_to_review" ON "Approval" ("promotionId") WHERE "decision" = 'break-glass' AND "reviewedAt" IS NULL;
CREATE INDEX "Passkey_due" ON "Passkey" ("dueAt") WHERE "dueAt" IS NOT NULL;
CREATE INDEX "PolicyChange_due" ON "PolicyChange" ("dueAt") WHERE "status" = 'proposed';
CREATE INDEX "Environment_unagreed" ON "Environment" ("id") WHERE "policyVersion" = 0;
CREATE INDEX "Account_forge_user" ON "Account" ("forgeUserId") WHERE "forgeUserId" IS NOT NULL;

-- A person answers a promotion once, until they withdraw; breaking the glass and overriding are answers of their own.
CREATE UNIQUE INDEX "Approval_of_promotion" ON "Approval" ("promotionId", "ask", "accountId", "decision") WHERE "promotionId" IS NOT NULL AND "status" IN ('given', 'used');
CREATE UNIQUE INDEX "Approval_of_change" ON "Approval" ("policyChangeId", "accountId") WHERE "policyChangeId" IS NOT NULL AND "status" IN ('given', 'used');
CREATE UNIQUE INDEX "PolicyChange_one" ON "PolicyChange" ("environmentId", "authorId") WHERE "status" = 'proposed';

ALTER TABLE "Approval" ADD CONSTRAINT "Approval_of_one" CHECK (num_nonnulls("promotionId", "policyChangeId") = 1);
ALTER TABLE "Approval" ADD CONSTRAINT "Approval_decision" CHECK ("decision" IN ('approve', 'reject', 'override', 'break-glass'));
ALTER TABLE "Membership" ADD CONSTRAINT "Membership_role" CHECK ("role" IN ('viewer', 'developer', 'owner', 'ops', 'auditor'));
ALTER TABLE "PolicyChange" ADD CONSTRAINT "PolicyChange_reason_length" CHECK (char_length("reason") <= 2000);

-- Approvals of an earlier version have no statement: they stay as a memory and count no longer.
UPDATE "Approval" SET "status" = 'void', "because" = 'given before approvals were bound to what was seen' WHERE "statement" = '\x';
-- Tokens of an earlier version keep what they could do.
UPDATE "ApiToken" SET "scopes" = ARRAY['read', 'change', 'approve', 'admin'];
