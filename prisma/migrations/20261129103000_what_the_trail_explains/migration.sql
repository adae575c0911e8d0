-- What the schema file cannot say: written by hand. A change without its entry in the trail is refused by the database, and the
-- web process takes only the arrows that people take.

-- What the web process may do beside its columns: arrows of state machines, and kinds of entries it may not write. Nothing, until
-- the roles are made (prisma/roles.ts writes the tables of prisma/arrows.ts into these two functions at every start).
CREATE FUNCTION "web_may"(what text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT false $$;
CREATE FUNCTION "web_may_not_tell"(kind text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT true $$;

-- Rows of the web process, before they are written: the status that a row begins with, the arrows that it takes, and values with
-- which it could make a worker hurry, wait for ever, or take an old answer for a new one.
CREATE FUNCTION "web_guard"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  no text;
  was jsonb;
  will jsonb;
  col text;
BEGIN
  IF "trail_writer"() <> 'web' THEN RETURN NEW; END IF;
  IF TG_TABLE_NAME = 'Report' THEN
    -- What a commit has passed is a worker's to say.
    IF TG_OP = 'INSERT' OR NEW.wanted IS DISTINCT FROM OLD.wanted THEN
      IF NEW.wanted NOT IN ('pending', 'failed', 'canceled') THEN no := 'say that a commit is ' || NEW.wanted; END IF;
    END IF;
  ELSIF TG_OP = 'INSERT' THEN
    IF NOT "web_may"(TG_TABLE_NAME || ':>' || NEW.status) THEN no := 'begin as ' || NEW.status; END IF;
    CASE TG_TABLE_NAME
      WHEN 'Run' THEN
        IF NEW.origin NOT IN ('push', 'replay') THEN no := 'be of origin ' || NEW.origin; END IF;
        IF NEW.priority NOT BETWEEN 0 AND 20 THEN no := 'have the priority ' || NEW.priority; END IF;
      WHEN 'Promotion' THEN
        IF NEW.kind NOT IN ('by-hand', 'rollback') THEN no := 'be of kind ' || NEW.kind; END IF;
        IF NEW.certificate IS NOT NULL THEN no := 'carry a certificate'; END IF;
        IF NEW."requesterId" IS NULL THEN no := 'have no requester'; END IF;
        IF NEW.priority NOT BETWEEN -10 AND 20 THEN no := 'have the priority ' || NEW.priority; END IF;
      WHEN 'Approval' THEN
        IF NEW.decision = 'break-glass' AND NOT COALESCE(NEW."reviewDueAt" <= clock_timestamp() + interval '25 hours', false) THEN
          no := 'be reviewed later than in a day';
        END IF;
      ELSE
    END CASE;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    will := to_jsonb(NEW);
    was := to_jsonb(OLD);
    IF will->>'status' IS DISTINCT FROM was->>'status' AND NOT "web_may"(TG_TABLE_NAME || ':' || (was->>'status') || '>' || (will->>'status')) THEN
      no := 'go from ' || (was->>'status') || ' to ' || (will->>'status');
    END IF;
    FOREACH col IN ARRAY ARRAY['dueAt', 'forgeDueAt'] LOOP
      IF will->col IS DISTINCT FROM was->col AND NOT COALESCE((will->>col)::timestamptz <= clock_timestamp() + interval '1 minute', false) THEN
        no := 'be due at ' || COALESCE(will->>col, 'no time');
      END IF;
    END LOOP;
    IF will->'leaseUntil' IS DISTINCT FROM was->'leaseUntil' AND will->>'leaseUntil' IS NOT NULL THEN no := 'be claimed'; END IF;
    IF will->'attempts' IS DISTINCT FROM was->'attempts' AND (will->>'attempts')::int NOT BETWEEN 0 AND (was->>'attempts')::int THEN
      no := 'have been tried ' || (will->>'attempts') || ' times';
    END IF;
    IF will->'ask' IS DISTINCT FROM was->'ask' AND (will->>'ask')::int <> (was->>'ask')::int + 1 THEN
      no := 'be asked for the ' || (will->>'ask') || 'th time';
    END IF;
  END IF;
  IF no IS NOT NULL THEN
    RAISE EXCEPTION 'the web process may not have a row of % %', TG_TABLE_NAME, no USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END
$$;

-- A status changes together with its entry, which record() writes in the same statement.
CREATE FUNCTION "trail_demands_arrow"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF "trail_writer"() = 'owner' THEN RETURN NULL; END IF;
  -- The newest first: it is the one that was just written. xmin is the transaction that wrote it.
  PERFORM 1 FROM "AuditEntry" e WHERE e.subject = TG_ARGV[0] AND e."subjectId" = NEW.id AND e.before = OLD.status AND e.after = NEW.status
    AND starts_with(e.kind, TG_ARGV[0] || '.') AND e.xmin = pg_current_xact_id()::xid ORDER BY e.id DESC LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION '% % goes from % to % without an entry in the trail', TG_ARGV[0], NEW.id, OLD.status, NEW.status
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NULL;
END
$$;

-- What else is decided stands in the trail by the end of the transaction: an entry of one of these kinds, about this row.
-- Arguments: subject, column of its id, and with it what the entry's data says of this row ('' for nothing), then the kinds.
CREATE FUNCTION "trail_demands_entry"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  is_of jsonb := to_jsonb(CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
  about text := TG_ARGV[0];
  number int := is_of->>TG_ARGV[1];
BEGIN
  IF "trail_writer"() = 'owner' THEN RETURN NULL; END IF;
  IF number IS NULL AND TG_TABLE_NAME = 'Approval' THEN
    about := 'policyChange';
    number := is_of->>'policyChangeId';
  END IF;
  PERFORM 1 FROM "AuditEntry" e WHERE e.subject = about AND e."subjectId" = number AND e.kind = ANY (TG_ARGV[3:])
    AND (TG_ARGV[2] = '' OR e.data->>TG_ARGV[2] = is_of->>'id') AND e.xmin = pg_current_xact_id()::xid ORDER BY e.id DESC LIMIT 1;
  IF NOT FOUND AND TG_TABLE_NAME = 'Environment' AND TG_OP = 'INSERT' THEN
    -- A project is connected together with the environments that it starts with.
    PERFORM 1 FROM "AuditEntry" e WHERE e.subject = 'project' AND e."subjectId" = (is_of->>'projectId')::int AND e.kind = 'project.connect'
      AND e.xmin = pg_current_xact_id()::xid ORDER BY e.id DESC LIMIT 1;
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION '% of % % without an entry in the trail', TG_OP, about, number USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NULL;
END
$$;

DO $$
DECLARE
  name text;
  subject text;
BEGIN
  FOREACH name IN ARRAY ARRAY['Run', 'Stage', 'Promotion', 'Project', 'MergeRequest', 'MergeAction', 'Tag', 'BackMerge', 'Approval', 'PolicyChange', 'Passkey'] LOOP
    subject := lower(left(name, 1)) || substr(name, 2);
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION "web_guard"()', name || '_of_web', name);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', name, name || '_of_web');
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE OF "status" ON %I FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION "trail_demands_arrow"(%L)',
      name || '_told', name, subject);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', name, name || '_told');
  END LOOP;
END
$$;
CREATE TRIGGER "Report_of_web" BEFORE INSERT OR UPDATE ON "Report" FOR EACH ROW EXECUTE FUNCTION "web_guard"();
ALTER TABLE "Report" ENABLE ALWAYS TRIGGER "Report_of_web";

-- One constraint trigger for each thing that is made or decided. Deferred: the entry names the row, and comes after it.
DO $$
DECLARE
  d record;
BEGIN
  FOR d IN SELECT * FROM (VALUES
    ('Run', 'made', 'INSERT', '', 'run', 'id', '', 'run.accept,run.refuse'),
    ('Promotion', 'made', 'INSERT', '', 'promotion', 'id', '', 'promotion.request'),
    ('Promotion', 'started', 'UPDATE OF "startedByHand", "startedById"', '(OLD."startedById", OLD."startedByHand") IS DISTINCT FROM (NEW."startedById", NEW."startedByHand")', 'promotion', 'id', '', 'promotion.start'),
    ('Promotion', 'retried', 'UPDATE OF "ask", "retriedById"', '(OLD."ask", OLD."retriedById") IS DISTINCT FROM (NEW."ask", NEW."retriedById")', 'promotion', 'id', '', 'promotion.retry'),
    ('Release', 'made', 'INSERT', '', 'release', 'id', '', 'release.cut'),
    ('Release', 'digest', 'UPDATE OF "digest"', 'OLD."digest" IS DISTINCT FROM NEW."digest"', 'release', 'id', '', 'release.rebuild'),
    ('Release', 'refused', 'UPDATE OF "refusedAt", "refusedBy"', '(OLD."refusedAt", OLD."refusedBy") IS DISTINCT FROM (NEW."refusedAt", NEW."refusedBy")', 'release', 'id', '', 'release.refuse,release.lift'),
    ('Environment', 'made', 'INSERT', '', 'environment', 'id', '', 'environment.add'),
    ('Environment', 'held', 'UPDATE OF "heldAt", "heldBy"', '(OLD."heldAt", OLD."heldBy") IS DISTINCT FROM (NEW."heldAt", NEW."heldBy")', 'environment', 'id', '', 'environment.hold,environment.release'),
    ('Environment', 'stopped', 'UPDATE OF "stoppedAt", "stoppedBy"', '(OLD."stoppedAt", OLD."stoppedBy") IS DISTINCT FROM (NEW."stoppedAt", NEW."stoppedBy")', 'environment', 'id', '', 'environment.stop,environment.go'),
    ('Environment', 'removed', 'UPDATE OF "removedAt"', 'OLD."removedAt" IS DISTINCT FROM NEW."removedAt"', 'environment', 'id', '', 'environment.remove'),
    ('Environment', 'policy', 'UPDATE OF "policy", "policyVersion"', '(OLD."policy", OLD."policyVersion") IS DISTINCT FROM (NEW."policy", NEW."policyVersion")', 'environment', 'id', '', 'environment.policy,environment.unagreed'),
    ('Installation', 'stopped', 'UPDATE', '(OLD."stoppedAt", OLD."stoppedBy") IS DISTINCT FROM (NEW."stoppedAt", NEW."stoppedBy")', 'installation', 'id', '', 'installation.stop,installation.go'),
    ('PolicyChange', 'made', 'INSERT', '', 'policyChange', 'id', '', 'policyChange.propose'),
    ('Approval', 'made', 'INSERT', '', 'promotion', 'promotionId', 'approval', 'approval.give'),
    ('Approval', 'reviewed', 'UPDATE OF "reviewedAt"', 'OLD."reviewedAt" IS DISTINCT FROM NEW."reviewedAt"', 'promotion', 'promotionId', 'approval', 'promotion.review'),
    ('MergeAction', 'made', 'INSERT', '', 'mergeRequest', 'mergeRequestId', 'action', 'mergeRequest.approve,mergeRequest.merge'),
    ('Tag', 'made', 'INSERT', '', 'tag', 'id', '', 'tag.owed,tag.awaited,tag.taken,tag.stray'),
    ('BackMerge', 'made', 'INSERT', '', 'backMerge', 'id', '', 'backMerge.owe'),
    ('Passkey', 'made', 'INSERT', '', 'passkey', 'id', '', 'passkey.propose'),
    ('Project', 'made', 'INSERT', '', 'project', 'id', '', 'project.connect'),
    ('Project', 'flow', 'UPDATE OF "flow"', 'OLD."flow" IS DISTINCT FROM NEW."flow"', 'project', 'id', '', 'project.flow'),
    ('Project', 'token', 'UPDATE OF "tokenSealed", "hookSealed"', '(OLD."tokenSealed", OLD."hookSealed") IS DISTINCT FROM (NEW."tokenSealed", NEW."hookSealed")', 'project', 'id', '', 'project.token'),
    ('Account', 'made', 'INSERT', '', 'account', 'id', '', 'account.create'),
    ('Account', 'role', 'UPDATE OF "role"', 'OLD."role" IS DISTINCT FROM NEW."role"', 'account', 'id', '', 'account.role'),
    ('Account', 'disabled', 'UPDATE OF "disabledAt"', 'OLD."disabledAt" IS DISTINCT FROM NEW."disabledAt"', 'account', 'id', '', 'account.disable,account.enable'),
    ('Account', 'password', 'UPDATE OF "passwordHash"', 'OLD."passwordHash" IS DISTINCT FROM NEW."passwordHash"', 'account', 'id', '', 'account.password'),
    ('Account', 'forge', 'UPDATE OF "forgeUserId"', 'OLD."forgeUserId" IS DISTINCT FROM NEW."forgeUserId"', 'account', 'id', '', 'account.forge-user'),
    ('Identity', 'made', 'INSERT', '', 'account', 'accountId', 'identity', 'identity.link'),
    ('Membership', 'made', 'INSERT', '', 'account', 'accountId', 'membership', 'membership.grant'),
    ('Membership', 'ended', 'DELETE', '', 'account', 'accountId', 'membership', 'membership.revoke'),
    ('ApiToken', 'made', 'INSERT', '', 'token', 'id', '', 'token.create')
  ) AS v(tbl, what, event, changed, subject, col, key, kinds) LOOP
    EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER %s ON %I DEFERRABLE INITIALLY DEFERRED FOR EACH ROW %s EXECUTE FUNCTION "trail_demands_entry"(%s)',
      d.tbl || '_' || d.what || '_told', d.event, d.tbl, CASE WHEN d.changed = '' THEN '' ELSE 'WHEN (' || d.changed || ')' END,
      (SELECT string_agg(quote_literal(a), ', ') FROM unnest(ARRAY[d.subject, d.col, d.key] || string_to_array(d.kinds, ',')) a));
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', d.tbl, d.tbl || '_' || d.what || '_told');
  END LOOP;
END
$$;

-- As before, and: the web process writes no entry that only a worker's deed explains.
CREATE OR REPLACE FUNCTION "trail_fill"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  NEW.writer := "trail_writer"();
  IF NEW.writer = 'web' THEN
    IF NEW.actor LIKE 'worker:%' THEN
      RAISE EXCEPTION 'the web process does not speak for a worker' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF "web_may_not_tell"(NEW.kind) THEN
      RAISE EXCEPTION 'the web process does not write entries of kind %', NEW.kind USING ERRCODE = 'insufficient_privilege';
    END IF;
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

REVOKE EXECUTE ON FUNCTION "web_guard"(), "trail_demands_arrow"(), "trail_demands_entry"() FROM PUBLIC;
