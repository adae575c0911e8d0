-- What the schema file cannot say: written by hand. What workers act on is not moved, and is not spoken of before it is there.

-- As before, and: what a worker makes on the forge of a tag is not moved, a claim does not lose its end, and no time of a row is
-- so early that it stands before all others.
CREATE OR REPLACE FUNCTION "web_guard"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  no text;
  was jsonb;
  will jsonb;
  col text;
BEGIN
  IF "trail_writer"() <> 'web' THEN RETURN NEW; END IF;
  IF TG_TABLE_NAME = 'Report' THEN
    -- What a commit has passed is a worker's to say.
    IF char_length(NEW.description) > 200 THEN no := 'say that much of a commit'; END IF;
    -- The names are those of its stages; those of a verification stand behind their environment's.
    IF TG_OP = 'INSERT' AND NEW.name <> 'shiplock' THEN
      PERFORM 1 FROM "Stage" s WHERE s."runId" = NEW."runId"
        AND CASE WHEN s."promotionId" IS NULL THEN NEW.name = s.name ELSE right(NEW.name, char_length(s.name) + 1) = '/' || s.name END;
      IF NOT FOUND THEN no := 'tell of the check ' || left(NEW.name, 200); END IF;
    END IF;
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
  will := to_jsonb(NEW);
  IF TG_OP = 'UPDATE' THEN was := to_jsonb(OLD); END IF;
  FOREACH col IN ARRAY ARRAY['dueAt', 'forgeDueAt'] LOOP
    -- A row may begin without one; none is taken away. Early ones are bounded as well: the sweep takes the earliest first.
    IF will->col IS DISTINCT FROM was->col AND NOT (TG_OP = 'INSERT' AND will->>col IS NULL) AND NOT COALESCE(
      (will->>col)::timestamptz BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp() + interval '1 minute', false) THEN
      no := 'be due at ' || COALESCE(will->>col, 'no time');
    END IF;
  END LOOP;
  IF TG_OP = 'UPDATE' THEN
    IF will->>'status' IS DISTINCT FROM was->>'status' AND NOT "web_may"(TG_TABLE_NAME || ':' || (was->>'status') || '>' || (will->>'status')) THEN
      no := 'go from ' || (was->>'status') || ' to ' || (will->>'status');
    END IF;
    IF will->'leaseUntil' IS DISTINCT FROM was->'leaseUntil' THEN
      -- A claim ends with the status that it is a claim on: without its end the work would be nobody's, and is not taken up again.
      IF will->>'leaseUntil' IS NOT NULL THEN no := 'be claimed';
      ELSIF will->>'status' IS NOT DISTINCT FROM was->>'status' THEN no := 'be claimed without an end'; END IF;
    END IF;
    IF TG_TABLE_NAME = 'Tag' THEN
      IF (NEW.name, NEW."runId", NEW."releaseId") IS DISTINCT FROM (OLD.name, OLD."runId", OLD."releaseId") THEN
        -- One that a person made is taken under that person's name for it; whose it is stays as it was.
        IF NEW.status <> 'taken' OR OLD.status IN ('taken', 'made', 'moved') OR COALESCE(OLD."runId", NEW."runId") IS DISTINCT FROM NEW."runId"
          OR COALESCE(OLD."releaseId", NEW."releaseId") IS DISTINCT FROM NEW."releaseId" THEN
          no := 'be ' || COALESCE(NEW.name, 'without a name') || ' of run ' || COALESCE(NEW."runId"::text, 'none');
        END IF;
      END IF;
      IF NEW."commit" IS DISTINCT FROM OLD."commit" AND (OLD.status <> 'stray' OR NEW.status <> 'stray') THEN
        no := 'be moved to ' || NEW."commit";
      END IF;
    END IF;
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

-- Is there such a row? Asked of what workers act on; those rows are never deleted by the web process. VOLATILE: it also sees what
-- the statement that calls it has made.
CREATE FUNCTION "trail_knows"(subject text, number int) RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $$
BEGIN
  CASE $1
    WHEN 'run' THEN PERFORM 1 FROM "Run" t WHERE t.id = $2;
    WHEN 'stage' THEN PERFORM 1 FROM "Stage" t WHERE t.id = $2;
    WHEN 'promotion' THEN PERFORM 1 FROM "Promotion" t WHERE t.id = $2;
    WHEN 'release' THEN PERFORM 1 FROM "Release" t WHERE t.id = $2;
    WHEN 'environment' THEN PERFORM 1 FROM "Environment" t WHERE t.id = $2;
    WHEN 'project' THEN PERFORM 1 FROM "Project" t WHERE t.id = $2;
    WHEN 'mergeRequest' THEN PERFORM 1 FROM "MergeRequest" t WHERE t.id = $2;
    WHEN 'mergeAction' THEN PERFORM 1 FROM "MergeAction" t WHERE t.id = $2;
    WHEN 'tag' THEN PERFORM 1 FROM "Tag" t WHERE t.id = $2;
    WHEN 'backMerge' THEN PERFORM 1 FROM "BackMerge" t WHERE t.id = $2;
    WHEN 'approval' THEN PERFORM 1 FROM "Approval" t WHERE t.id = $2;
    WHEN 'policyChange' THEN PERFORM 1 FROM "PolicyChange" t WHERE t.id = $2;
    WHEN 'passkey' THEN PERFORM 1 FROM "Passkey" t WHERE t.id = $2;
    ELSE RETURN true;
  END CASE;
  RETURN FOUND;
END
$$;

-- As before, and: the web process writes no entry about a row that is not there, which would speak of the next one of that number.
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
    IF NOT "trail_knows"(NEW.subject, NEW."subjectId") THEN
      RAISE EXCEPTION 'the web process does not write entries about % %, which is not there', NEW.subject, NEW."subjectId"
        USING ERRCODE = 'insufficient_privilege';
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

REVOKE EXECUTE ON FUNCTION "trail_knows"(text, int) FROM PUBLIC;
