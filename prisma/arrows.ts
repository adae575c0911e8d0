// What the web process may do to a status: the arrows that people take. Written into the database's guard at every start
// (prisma/roles.ts); a unit test holds this table to the state machines and to the code that the web process reaches.
// From a status to a status, `>` alone is what a row of its begins with.

export const WEB_ARROWS: Readonly<Record<string, string>> = {
  // An accepted delivery, or a refused one; cancel; an owner lets a fork's run begin; a stage that is tried again.
  Run: '>queued >refused held>canceled queued>canceled planning>canceled running>canceled errored>canceled held>queued errored>running',
  // Cancel; try again.
  Stage: 'pending>canceled queued>canceled running>canceled errored>canceled errored>queued',
  // Ask; cancel; try again; refuse a release; the emergency stop; a newer one takes its place.
  Promotion: `>waiting waiting>canceled queued>canceled deploying>canceled deployed>canceled verifying>canceled errored>canceled
    errored>queued failed>queued waiting>refused queued>refused queued>waiting deploying>waiting
    waiting>superseded queued>superseded errored>superseded`,
  // Connect; have it checked again.
  Project: '>connecting connected>connecting broken>connecting',
  // What a webhook names is read from the forge by a worker.
  MergeRequest: '>opened',
  MergeAction: '>queued',
  // A tag that a webhook tells of.
  Tag: `>taken >stray owed>taken making>taken awaited>taken refused>taken stray>taken made>moved taken>moved moved>taken`,
  BackMerge: '',
  // Answer; take it back; answer anew.
  Approval: '>given given>withdrawn given>void',
  // Propose; take it back; reject.
  PolicyChange: '>proposed proposed>withdrawn proposed>refused',
  // Enrol; enrol once more; remove.
  Passkey: '>proposed refused>proposed proposed>removed refused>removed admitted>removed',
}

/** Entries that the web process may not write: what they tell of is a worker's deed, and workers act on them. */
export const WORKER_KINDS: readonly string[] = `
  run.claim run.plan run.pass run.fail run.err run.lose run.retry run.supersede run.disown run.unexplained
  stage.admit stage.skip stage.claim stage.pass stage.fail stage.err stage.lose
  promotion.admit promotion.claim promotion.observe promotion.fail promotion.err promotion.lose promotion.begin promotion.pass
  promotion.impossible promotion.remind promotion.unexplained
  release.cut release.rebuild
  project.claim project.pass project.fail project.lose project.again
  mergeRequest.close mergeRequest.lock mergeRequest.unlock mergeRequest.reopen
  mergeAction.claim mergeAction.cancel mergeAction.do mergeAction.refuse mergeAction.err mergeAction.lose mergeAction.retry mergeAction.unexplained
  tag.owed tag.awaited tag.claim tag.make tag.refuse tag.lose tag.retry tag.unexplained
  backMerge.owe backMerge.open backMerge.skip backMerge.conflict backMerge.merge backMerge.close backMerge.resolve backMerge.reopen
  approval.use approval.expire policyChange.apply policyChange.overtake passkey.admit passkey.refuse passkey.stay
  environment.policy environment.unagreed environment.observe trail.alarm trail.accept trail.key trail.forget`
  .split(/\s+/)
  .filter((kind) => kind !== '')

const list = (names: readonly string[]) => `'{${names.join(',')}}'::text[]`

/** Statements that write both tables into the database's guard. They take no lock on a table. */
export const guardOfWeb = (): string[] => {
  const arrows = Object.entries(WEB_ARROWS).flatMap(([table, text]) =>
    text
      .split(/\s+/)
      .filter((arrow) => arrow !== '')
      .map((arrow) => `${table}:${arrow}`),
  )
  const define = (name: string, parameter: string, names: readonly string[]) =>
    `CREATE OR REPLACE FUNCTION "${name}"(${parameter} text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT $1 = ANY (${list(names)}) $$`
  return [define('web_may', 'what', arrows), define('web_may_not_tell', 'kind', WORKER_KINDS)]
}
