// The story, act by act: what each person does, with real git and through the same doors as anybody.
import type { PromotionDetail } from '../app/promotions/shapes'
import type { RunDetail } from '../app/shapes'
import type { Client } from './client'
import type { Clone, Person } from './story'
import { bad, faint, heading, say, sign, until, who } from './tell'
import { maySign, succeeded, tellWhyItWaits, verifiedIn, watchPromotion, watchRequest, watchRun } from './watch'

export interface Cast {
  /** The dashboard as admin, owner and operations. */
  admin: Client
  noor: Client
  omar: Client
  names: Record<'mia' | 'noor' | 'omar', Person>
  hers: Clone
  /** Opens a merge request on the forge, as Mia. */
  open: (source: string, target: string, title: string) => Promise<void>
}

/** What happened, for the table at the end and for --json. */
export interface Told {
  runs: RunDetail[]
  refused: { what: string; because: string }[]
}

const MINUTE = 60_000

/** Mia opens a merge request; Noor approves and merges exactly what she saw, in the dashboard. @returns what came onto the target */
async function mergeInDashboard(cast: Cast, source: string, target: string, title: string): Promise<string> {
  const { noor } = cast
  heading(`${who(cast.names.mia.name)} asks for ${source} to be merged into ${target}`)
  await cast.open(source, target, title)
  return approveAndMerge(cast, noor, source, target)
}

async function approveAndMerge(cast: Cast, noor: Client, source: string, target: string): Promise<string> {
  const seen = await watchRequest(noor, source, target, (m) => m.can.approve.may && m.can.merge.may)
  say(`!${seen.iid} ${faint(seen.pair.because)}; its run ${seen.run?.status ?? 'is not needed'}`)
  if (seen.next) say(`  then ${seen.next.environment}: ${seen.next.because || 'every gate would open'}`)
  await noor.approveRequest(seen.id, seen.head)
  await watchRequest(
    noor,
    source,
    target,
    (m) => m.can.merge.may && m.actions.some((a) => a.kind === 'approve' && a.status === 'done'),
  )
  say(`${sign('succeeded')} ${who(cast.names.noor.name)} approves ${seen.head.slice(0, 8)}`)
  await noor.mergeRequestNow(seen.id, seen.head)
  const merged = await watchRequest(noor, source, target, (m) => m.status === 'merged' && m.mergeCommit !== null)
  say(`${sign('succeeded')} and merges it: ${(merged.mergeCommit ?? '').slice(0, 8)} on ${target}`)
  return merged.mergeCommit ?? ''
}

export async function featureReachesTest(cast: Cast, told: Told) {
  heading(`${who(cast.names.mia.name)} pushes feature/warm-welcome`)
  const change = { file: 'greeting.js', replace: 'Hello', by: 'Welcome aboard' }
  const feature = await cast.hers.pushFeature('feature/warm-welcome', 'develop', change, 'Greet visitors warmly')
  told.runs.push(await succeeded(cast.admin, 'feature/warm-welcome', feature))
  const merged = await mergeInDashboard(cast, 'feature/warm-welcome', 'develop', 'Greet visitors warmly')
  await developReachesTest(cast, told, merged)
}

async function developReachesTest(cast: Cast, told: Told, commit: string) {
  heading('develop is built once, tested, and goes to test by itself')
  const run = await succeeded(cast.admin, 'develop', commit)
  told.runs.push(run)
  await verifiedIn(cast.admin, run.id, 'test')
}

/** A branch pushed for prerelease, verified there. */
async function reachesPrerelease(cast: Cast, told: Told, branch: string, commit: string) {
  const run = await succeeded(cast.admin, branch, commit)
  told.runs.push(run)
  await verifiedIn(cast.admin, run.id, 'prerelease')
}

export async function releaseReachesPrerelease(cast: Cast, told: Told, branch: string) {
  heading(
    `${who(cast.names.mia.name)} cuts ${branch} from develop: the same tree, built again, for who pushes to develop does not decide what production runs`,
  )
  await reachesPrerelease(cast, told, branch, await cast.hers.pushBranch(branch, 'develop'))
}

/** Merged to master, tagged, waiting for operations with its reasons, signed, deployed. */
export async function reachesProduction(
  cast: Cast,
  told: Told,
  branch: string,
  title: string,
): Promise<PromotionDetail> {
  const merged = await mergeInDashboard(cast, branch, 'master', title)
  heading('master adopts what prerelease verified; production waits')
  const run = await succeeded(cast.admin, 'master', merged)
  told.runs.push(run)
  const waits = await watchPromotion(
    cast.admin,
    run.id,
    'production',
    (p) => p.status === 'waiting' && isNextApproval(p),
  )
  say(`${sign('waiting')} ${waits.release.tag} waits for production:`)
  tellWhyItWaits(waits)
  const seen = await maySign(cast.omar, waits.id, cast.names.omar.name)
  await cast.omar.approve(seen.id, 'the reports are good')
  say(
    `${sign('succeeded')} ${who(cast.names.omar.name)} signs ${seen.release.tag} off: ${faint(seen.release.digest.slice(0, 19))}`,
  )
  return verifiedIn(cast.admin, run.id, 'production')
}

const isNextApproval = (p: PromotionDetail) =>
  p.verdicts.some((v) => v.gate === 'approvals' && v.state === 'waiting') &&
  p.verdicts.every((v) => v.state === 'open' || v.gate === 'approvals')

/** What becomes of the way back to develop: nothing to merge, or a request that Noor merges. */
export async function comesBack(cast: Cast, told: Told, release: number) {
  heading('and back to develop')
  const way = await until(
    () => 'git is asked whether anything is to be merged back',
    async () => (await cast.admin.release(release)).backMerges.find((b) => b.status !== 'owed') ?? null,
    MINUTE,
  )
  if (way.status === 'unneeded') return say(`${sign('skipped')} ${way.source} to ${way.target}: ${way.because}`)
  if (way.status !== 'opened') throw new Error(`the merge back is ${way.status}: ${way.because}`)
  say(
    `${sign('succeeded')} Shiplock opened the request to merge ${way.source} back into ${way.target} ${faint(way.url)}`,
  )
  if (way.hotfix) say(`  ${bad('a debt')}: the next promotion to production waits until it is paid`)
  const merged = await approveAndMerge(cast, cast.noor, way.source, way.target)
  await until(
    () => 'git is asked whether the debt is paid',
    async () => ((await cast.admin.release(release)).backMerges.every((b) => b.status === 'merged') ? true : null),
    MINUTE,
  )
  say(`${sign('succeeded')} the debt is paid`)
  await developReachesTest(cast, told, merged)
}

export async function hotfixReachesPrerelease(cast: Cast, told: Told, branch: string) {
  heading(
    `A bug in production: long names are cut in the middle of a letter. ${who(cast.names.mia.name)} pushes ${branch}`,
  )
  const change = {
    file: 'greeting.js',
    replace: 'known.slice(0, LONGEST_NAME - 1)',
    by: "[...known].slice(0, LONGEST_NAME - 1).join('')",
  }
  const commit = await cast.hers.pushFeature(branch, 'master', change, 'Cut long names between letters')
  await reachesPrerelease(cast, told, branch, commit)
}

/** What the flow has no place for is refused, with the reason, and goes nowhere. */
export async function refusals(cast: Cast, told: Told) {
  heading(`${who(cast.names.mia.name)} pushes a branch called fix_stuff`)
  const change = { file: 'greeting.js', replace: 'aboard', by: 'on board' }
  const commit = await cast.hers.pushFeature('fix_stuff', 'develop', change, 'Fix stuff')
  const run = await watchRun(cast.admin, 'fix_stuff', commit)
  say(`${sign(run.status)} ${bad('refused')}: ${run.because}`)
  told.refused.push({ what: 'branch fix_stuff', because: run.because })
  told.runs.push(run)

  heading('and asks for a feature to be merged straight into master')
  await cast.hers.pushFeature('feature/shortcut', 'develop', change, 'A shortcut')
  await cast.open('feature/shortcut', 'master', 'A shortcut')
  const request = await watchRequest(cast.admin, 'feature/shortcut', 'master', (m) => m.syncedAt !== null)
  if (request.pair.ok) throw new Error('a feature was allowed into master')
  say(`${sign('refused')} !${request.iid} ${bad('refused')}: ${request.pair.because}`)
  told.refused.push({ what: 'merge request feature/shortcut into master', because: request.pair.because })
}

/** A release that every test lets through and that nobody wants: operations put the one before back. */
export async function badReleaseIsRolledBack(cast: Cast, told: Told, good: number) {
  heading(`${who(cast.names.mia.name)} pushes release/1.1`)
  const change = { file: 'greeting.js', replace: 'Welcome aboard', by: 'Man overboard' }
  const commit = await cast.hers.pushFeature('release/1.1', 'develop', change, 'A stronger greeting')
  await reachesPrerelease(cast, told, 'release/1.1', commit)
  const production = await reachesProduction(cast, told, 'release/1.1', 'Release 1.1')
  heading(`Visitors are startled. ${who(cast.names.omar.name)} puts the release before back`)
  const back = await cast.omar.rollback(production.environmentId, good, 'visitors are startled by the greeting')
  await maySign(cast.omar, back.id, cast.names.omar.name)
  await cast.omar.approve(back.id, 'visitors are startled by the greeting')
  const restored = await until(
    () => 'the release before is being put back',
    async () => {
      const now = await cast.omar.promotion(back.id)
      if (['failed', 'refused', 'canceled'].includes(now.status))
        throw new Error(`the rollback is ${now.status}: ${now.because}`)
      return now.status === 'verified' ? now : null
    },
    3 * MINUTE,
  )
  say(`${sign('deployed')} ${restored.release.tag} is back in production`)
  await cast.omar.refuse(production.release.id, 'startles visitors')
  told.refused.push({ what: `release ${production.release.tag}`, because: 'startles visitors' })
  const [place] = (await cast.admin.environments('production')).items
  say(`production is held: ${place?.hold?.because ?? bad('no hold')}`)
}
