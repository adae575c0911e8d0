// What the story came to: tables for people, and one JSON document for machines.
import type { ReleaseDetail } from '../app/releases/shapes'
import type { EnvironmentShape } from '../app/shapes'
import type { Told } from './acts'
import type { Client } from './client'
import { bad, good, seconds, table } from './tell'

const PLACES = ['test', 'prerelease', 'production'] as const

type Running = EnvironmentShape & { running: NonNullable<EnvironmentShape['running']> }

async function runningIn(client: Client, name: string): Promise<Running> {
  const [place] = (await client.environments(name)).items
  if (place?.running == null) throw new Error(`nothing runs in ${name}`)
  return { ...place, running: place.running }
}

/** What the service itself says. @throws where it is not the commit that was deployed */
async function answerOf({ name, running }: Running): Promise<string> {
  const answer = await (await fetch(`${running.url}/version`, { signal: AbortSignal.timeout(10_000) })).text()
  if (!answer.includes(running.release.commit) || !answer.includes(name))
    throw new Error(`${running.url} does not answer as ${running.release.commit} in ${name}: ${answer.slice(0, 500)}`)
  return answer
}

const between = (from: string | null, to: string | null) =>
  from === null || to === null ? null : Date.parse(to) - Date.parse(from)

async function promotionsOf(client: Client) {
  const { items } = await client.promotions({ limit: '100' })
  return items.reverse().map((p) => ({
    release: p.release.tag,
    environment: p.environment,
    kind: p.kind,
    status: p.status,
    because: p.because || p.reason || `every gate was open: ${p.verdicts.at(-1)?.because ?? 'not judged yet'}`,
    waited_ms: between(p.createdAt, p.startedAt),
    deploy_ms: between(p.startedAt, p.deployedAt),
  }))
}

/** Every image that was really built, by its tree and trust class. A stage that took another run's image built none. */
async function buildsOf(client: Client, runs: Told['runs']) {
  const details = await Promise.all(runs.map((r) => client.run(r.id)))
  const all = details.flatMap((run) =>
    run.stages
      .filter((s) => s.name === 'build' && s.status === 'succeeded' && s.digest !== null)
      .map((s) => ({ tree: run.tree, trust: run.trust, digest: s.digest, run: run.id, branch: run.branch, ms: s.ms })),
  )
  return all.filter((b, at) => all.findIndex((other) => other.digest === b.digest) === at)
}

/** Whether everything that production ever ran was signed with a passkey, and the worker used the signature up. */
export async function signOffs(client: Client) {
  const { items } = await client.promotions({ limit: '100', environment: 'production', status: 'verified' })
  const whole = await Promise.all(items.map((p) => client.promotion(p.id)))
  const used = whole.map((p) => p.votes.filter((v) => v.signed && v.status === 'used').length)
  return { verified_by_worker: used.length > 0 && used.every((n) => n > 0), signed: used.reduce((a, b) => a + b, 0) }
}

async function releasesOf(client: Client): Promise<ReleaseDetail[]> {
  const { items } = await client.releases({ limit: '100' })
  return Promise.all(items.reverse().map((r) => client.release(r.id)))
}

/** @param first the release of 1.0, as it ran in prerelease and production */
export async function summary(
  client: Client,
  forgeUrl: string,
  told: Told,
  first: { tag: string; digests: Record<string, string> },
) {
  const [places, promotions, builds, releases] = await Promise.all([
    Promise.all(PLACES.map((name) => runningIn(client, name))),
    promotionsOf(client),
    buildsOf(client, told.runs),
    releasesOf(client),
  ])
  const answers = await Promise.all(places.map(answerOf))
  const tags = releases.flatMap((r) =>
    r.tags.map((t) => ({ name: t.name, commit: t.commit, status: t.status, release: r.tag })),
  )
  const backMerges = releases.flatMap((r) =>
    r.backMerges.map((b) => ({
      source: b.source,
      target: b.target,
      status: b.status,
      because: b.because,
      hotfix: b.hotfix,
    })),
  )
  tables(told, places, promotions)
  return {
    web: client.url,
    forge: forgeUrl,
    token: client.token,
    runs: told.runs.map((r) => ({
      id: r.id,
      branch: r.branch,
      commit: r.commit,
      tree: r.tree,
      trust: r.trust,
      status: r.status,
      because: r.because,
      stages: r.stages.map((s) => ({ name: s.name, status: s.status, ms: s.ms, because: s.because })),
      waited_ms: r.waited_ms,
    })),
    environments: Object.fromEntries(
      places.map(({ name, running, hold }, at) => [
        name,
        {
          release: running.release.tag,
          digest: running.release.digest,
          observed: running.observed,
          url: running.url,
          answer: answers[at],
          hold: hold?.because ?? null,
        },
      ]),
    ),
    first,
    builds,
    refused: told.refused,
    promotions,
    tags,
    back_merges: backMerges,
  }
}

function tables(told: Told, places: readonly Running[], promotions: Awaited<ReturnType<typeof promotionsOf>>) {
  table(
    ['run', 'branch', 'commit', 'status', 'stages'],
    told.runs.map((r) => [
      `#${r.id}`,
      r.branch,
      r.commit.slice(0, 8),
      r.status === 'succeeded' ? good(r.status) : bad(r.status),
      r.stages.map((s) => `${s.name} ${s.ms === null ? s.status : seconds(s.ms)}`).join(', '),
    ]),
  )
  const time = (ms: number | null) => (ms === null ? '' : seconds(ms))
  table(
    ['promotion', 'to', 'kind', 'status', 'waited', 'deployed in'],
    promotions.map((p) => [p.release, p.environment, p.kind, p.status, time(p.waited_ms), time(p.deploy_ms)]),
  )
  table(
    ['environment', 'release', 'digest', 'observed', 'address'],
    places.map(({ name, running }) => [
      name,
      running.release.tag,
      running.release.digest.slice(0, 19),
      running.observed === running.release.digest ? good('the same') : bad(String(running.observed)),
      running.url ?? '',
    ]),
  )
}
