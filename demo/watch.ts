// Following what Shiplock does, and telling of it.
import type { MergeRequestDetail } from '../app/merge-requests/shapes'
import type { PromotionDetail } from '../app/promotions/shapes'
import type { RunDetail } from '../app/shapes'
import type { Client } from './client'
import { bad, faint, say, seconds, sign, until } from './tell'

const MINUTE = 60_000
const ENDED = ['succeeded', 'failed', 'skipped', 'canceled']

/** The run of a commit on a branch, once nothing about it will change any more. */
export async function watchRun(client: Client, branch: string, commit: string): Promise<RunDetail> {
  const found = await until(
    () => `waiting for the push of ${branch} to arrive`,
    async () => (await client.runs({ branch })).items.find((r) => r.commit === commit) ?? null,
    MINUTE,
  )
  say(`run #${found.id} for ${commit.slice(0, 8)} ${faint(`${client.url}/runs/${found.id}`)}`)
  const told = new Set<string>()
  let doing = 'it is being planned'
  return until(
    () => doing,
    async () => {
      const now = await client.run(found.id)
      tellStages(now.stages, told)
      const running = now.stages.find((s) => s.status === 'running')
      doing = running ? `${running.name} is running` : (now.waiting?.what ?? 'between stages')
      return now.finishedAt !== null && now.status !== 'errored' ? now : null
    },
    10 * MINUTE,
  )
}

/** @throws where the run does not succeed, with the last words of the stage that did not */
export async function succeeded(client: Client, branch: string, commit: string): Promise<RunDetail> {
  const run = await watchRun(client, branch, commit)
  if (run.status !== 'succeeded')
    throw new Error(
      `run #${run.id} ${run.status}: ${run.because}${await lastWords(client, 'runs', run.id, run.stages)}`,
    )
  return run
}

const LAST_LINES = 20

/** The end of what a failed stage said: everything is removed afterwards, so nothing can be looked up. Empty where none failed. */
async function lastWords(
  client: Client,
  of: 'runs' | 'promotions',
  id: number,
  stages: readonly RunDetail['stages'][number][],
): Promise<string> {
  const stage = stages.find((s) => s.status === 'failed' || s.status === 'errored')
  if (stage === undefined) return ''
  try {
    let page = await client.stageLog(of, id, stage.name)
    let text = page.text
    while (page.more) {
      page = await client.stageLog(of, id, stage.name, page.next)
      text = (text + page.text).slice(-100_000)
    }
    const lines = text.trimEnd().split('\n').slice(-LAST_LINES)
    return `\n\nThe last lines of ${stage.name}:\n${lines.map((line) => `  ${line}`).join('\n')}\n`
  } catch (error) {
    return `\n\nThe output of ${stage.name} could not be read: ${(error as Error).message}\n`
  }
}

/** A promotion once this person may sign it: until a target has said that it holds the image, there is nothing to sign. */
export function maySign(client: Client, id: number, name: string): Promise<PromotionDetail> {
  let why = ''
  return until(
    () => `${name} may not sign promotion #${id} yet: ${why}`,
    async () => {
      const now = await client.promotion(id)
      why = now.can.approve.because
      if (OVER.includes(now.status)) throw new Error(`promotion #${id} is ${now.status}: ${now.because}`)
      return now.can.approve.may ? now : null
    },
    MINUTE,
  )
}

function tellStages(stages: readonly RunDetail['stages'][number][], told: Set<string>) {
  for (const stage of stages) {
    if (!ENDED.includes(stage.status) || told.has(stage.name)) continue
    told.add(stage.name)
    const time = stage.ms === null ? '' : seconds(stage.ms)
    say(`  ${sign(stage.status)} ${stage.name.padEnd(12)} ${time.padStart(8)}  ${faint(stage.because)}`)
  }
}

const OVER = ['verified', 'failed', 'refused', 'superseded', 'canceled']

/** A run's newest promotion to an environment, once it is as asked; its waits and its verification are told of. */
export async function watchPromotion(
  client: Client,
  run: number,
  environment: string,
  is: (promotion: PromotionDetail) => boolean,
): Promise<PromotionDetail> {
  const told = new Set<string>()
  let doing = `the release is on its way to ${environment}`
  return until(
    () => doing,
    async () => {
      const found = (await client.run(run)).promotions.filter((p) => p.environment === environment).at(-1)
      if (found === undefined) return null
      const now = await client.promotion(found.id)
      tellStages(now.stages, told)
      doing = now.waiting?.what ?? `promotion #${now.id} is ${now.status}`
      if (is(now)) return now
      if (OVER.includes(now.status))
        throw new Error(
          `promotion #${now.id} to ${environment} is ${now.status}: ${now.because}${await lastWords(client, 'promotions', now.id, now.stages)}`,
        )
      return null
    },
    5 * MINUTE,
  )
}

export async function verifiedIn(client: Client, run: number, environment: string): Promise<PromotionDetail> {
  const promotion = await watchPromotion(client, run, environment, (p) => p.status === 'verified')
  say(
    `${sign('deployed')} ${promotion.release.tag} runs in ${environment}, and is verified: ${faint(promotion.because || 'observed')}`,
  )
  return promotion
}

/** A merge request by source and target, once it was read from the forge and is as asked. */
export function watchRequest(
  client: Client,
  source: string,
  target: string,
  is: (request: MergeRequestDetail) => boolean,
): Promise<MergeRequestDetail> {
  let doing = `waiting for the merge request of ${source} into ${target}`
  return until(
    () => doing,
    async () => {
      const { items } = await client.mergeRequests({ limit: '100' })
      const found = items.find((m) => m.source === source && m.target === target)
      if (found === undefined) return null
      const now = await client.mergeRequest(found.id)
      doing = now.waiting?.what ?? `!${now.iid} is ${now.status}; ${now.can.merge.because}`
      const refused = now.actions.find((a) => a.status === 'refused')
      if (refused) throw new Error(`!${now.iid}: ${refused.kind} was refused: ${refused.because}`)
      return is(now) ? now : null
    },
    3 * MINUTE,
  )
}

/** Prints the gates that keep a promotion, each with its reason and whose turn it is. */
export function tellWhyItWaits(promotion: PromotionDetail) {
  for (const verdict of promotion.verdicts) {
    if (verdict.state === 'open') continue
    say(`  ${bad(verdict.state.padEnd(7))} ${verdict.gate}: ${verdict.because} ${faint(verdict.who ?? '')}`)
  }
  say(
    `  ${faint(
      `open: ${promotion.verdicts
        .filter((v) => v.state === 'open')
        .map((v) => v.gate)
        .join(', ')}`,
    )}`,
  )
}
