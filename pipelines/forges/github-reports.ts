// What Shiplock reports to GitHub: commit statuses, deployments, and its note on a pull request.
import { z } from 'zod'
import { Fault } from '../fault'
import { firstLine } from '../title'
import type { CommitState, DeploymentState, Forge } from './forge'
import { BigId, hidden, orNull, type Place, pages, read } from './github-answers'

/** GitHub refuses a longer description. */
const MAX_DESCRIPTION = 140
/** The same of the body of a comment, in characters. */
const MAX_BODY = 65_536
/** Where to look for a deployment that was told before: the newest of this commit and environment. */
const MOST_DEPLOYMENTS = 100

/** GitHub knows four states; where its word says less than ours, the description begins with ours. */
const STATES: Record<CommitState, { state: 'pending' | 'success' | 'failure' | 'error'; said: string }> = {
  pending: { state: 'pending', said: '' },
  running: { state: 'pending', said: '' },
  success: { state: 'success', said: '' },
  failed: { state: 'failure', said: '' },
  canceled: { state: 'error', said: 'canceled' },
  // What was skipped holds nothing up; any other state would, where the check is required.
  skipped: { state: 'success', said: 'skipped' },
}

/** The state's own word before a description that lacks it. */
const inWords = (said: string, description: string) =>
  said === '' || description.toLowerCase().includes(said) ? description : [said, description].filter(Boolean).join(': ')

export async function setStatus({ octokit, at }: Place, status: Parameters<Forge['setStatus']>[1]): Promise<void> {
  const { state, said } = STATES[status.state]
  await hidden(
    octokit.rest.repos.createCommitStatus({
      ...at,
      sha: status.commit,
      state,
      context: status.name,
      description: firstLine(inWords(said, status.description), MAX_DESCRIPTION),
      target_url: status.url,
    }),
  )
}

const Comment = z.object({ id: BigId })

export async function writeNote(
  { octokit, at }: Place,
  iid: number,
  note: { id: bigint | null; body: string },
): Promise<{ id: bigint }> {
  const body = note.body.slice(0, MAX_BODY)
  const changed =
    note.id === null
      ? null
      : await orNull(octokit.rest.issues.updateComment({ ...at, comment_id: Number(note.id), body }))
  const answer = changed ?? (await octokit.rest.issues.createComment({ ...at, issue_number: iid, body }))
  return { id: read(Comment, answer, 'the comment').id }
}

const DEPLOYMENT_STATES: Record<DeploymentState, 'in_progress' | 'success' | 'failure' | 'error'> = {
  running: 'in_progress',
  success: 'success',
  failed: 'failure',
  // As of a commit status. `inactive` is what GitHub makes of a success that was replaced.
  canceled: 'error',
}

type Told = Parameters<Forge['tellDeployment']>[1]

const Deployment = z.object({ id: BigId, payload: z.unknown().optional() })
const Payload = z.object({ shiplock: z.string() })

const DeploymentStatus = z.object({ state: z.string() })
const ENDED = ['success', 'failure', 'error', 'inactive']

/** A deployment may have been made whose number was never learnt: it carries the address of its log. */
async function toldBefore({ octokit, at }: Place, told: Told): Promise<bigint | null> {
  const { commit: sha, environment, logUrl } = told
  const { items } = await pages(Deployment, MOST_DEPLOYMENTS, 'the list of deployments', (page) =>
    octokit.rest.repos.listDeployments({ ...at, sha, environment, task: 'deploy', ...page }),
  )
  const ours = items.find(({ payload }) => Payload.safeParse(payload).data?.shiplock === logUrl)
  if (ours === undefined) return null
  const listed = await octokit.rest.repos.listDeploymentStatuses({ ...at, deployment_id: Number(ours.id), per_page: 1 })
  const [last] = read(z.array(DeploymentStatus), listed, 'the statuses of the deployment')
  // One that has ended is another deployment of the same commit, unless it ended as we are about to say.
  const isOver = last !== undefined && ENDED.includes(last.state) && last.state !== DEPLOYMENT_STATES[told.state]
  return isOver ? null : ours.id
}

/** By its hash, not by its branch: that may have moved on since. No checks are awaited: the gates of Shiplock have judged. */
async function make({ octokit, at }: Place, told: Told): Promise<bigint> {
  const answer = await octokit.rest.repos.createDeployment({
    ...at,
    ref: told.commit,
    task: 'deploy',
    auto_merge: false,
    required_contexts: [],
    environment: told.environment,
    description: firstLine(told.description, MAX_DESCRIPTION),
    transient_environment: false,
    production_environment: told.tier === 'production',
    payload: { shiplock: told.logUrl, ref: told.ref },
  })
  return read(Deployment, answer, 'the deployment').id
}

/** False: the deployment is gone. */
async function say({ octokit, at }: Place, id: bigint, told: Told): Promise<boolean> {
  const said = await orNull(
    octokit.rest.repos.createDeploymentStatus({
      ...at,
      deployment_id: Number(id),
      state: DEPLOYMENT_STATES[told.state],
      description: firstLine(inWords(told.state === 'canceled' ? 'canceled' : '', told.description), MAX_DESCRIPTION),
      log_url: told.logUrl,
      ...(told.url === '' ? {} : { environment_url: told.url }),
    }),
  )
  return said !== null
}

export async function tellDeployment(place: Place, told: Told): Promise<{ id: bigint }> {
  const known = told.id ?? (await toldBefore(place, told))
  if (known !== null && (await say(place, known, told))) return { id: known }
  const id = await make(place, told)
  if (!(await say(place, id, told)))
    throw new Fault('forge.missing', `the deployment ${id} was made, and is gone already`)
  return { id }
}
