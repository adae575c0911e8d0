// The one note that Shiplock keeps on a merge request: Markdown, and pure. Names and reasons were written by strangers; on a
// forge they could call people, close tickets or mention other requests, so whatever is not plain words stands as code.
import { FLOW } from './gitflow'
import type { Pair } from './merge-pair'
import { firstLine } from './title'

/** A hidden line by which the note is known again. */
export const NOTE_MARK = '<!-- shiplock -->'

export interface NoteFacts {
  status: 'opened' | 'locked' | 'closed' | 'merged'
  because: string
  pair: Pair
  target: string
  head: string
  fork: boolean
  /** Runs of forks are not wanted here. */
  neverForks: boolean
  draft: boolean
  /** The run of the head; null: there is none yet. */
  run: {
    id: number
    status: string
    because: string
    templated: boolean | null
    stages: readonly { name: string; status: string }[]
  } | null
  /** Names: on the forge, and here. */
  approvals: readonly string[]
  publicUrl: string
  id: number
}

const MAX_REASON = 300
const PLAIN = /^[\p{L}\p{N} .,;:()'/-]*$/u

/** Text of a stranger: as it is where it can mean nothing, otherwise as code. */
function words(text: string): string {
  const line = firstLine(text, MAX_REASON)
  return PLAIN.test(line) && !line.includes('://') ? line : code(line)
}
const code = (text: string) => `\`${firstLine(text, MAX_REASON).replaceAll('`', "'")}\``

export function mergeNote(facts: NoteFacts): string {
  const lines = [flowLine(facts), runLine(facts)]
  if (facts.run?.templated === true)
    lines.push('**Service file:** there is no `.shiplock.yaml`, so what comes of it goes no further than test.')
  if (facts.status === 'opened') lines.push(nextLine(facts))
  lines.push(`**Approved by:** ${facts.approvals.length === 0 ? 'nobody yet' : facts.approvals.map(words).join(', ')}`)
  if (facts.status !== 'opened')
    lines.push(`**State:** ${facts.status}${facts.because === '' ? '' : `; ${words(facts.because)}`}`)
  const page = `${facts.publicUrl}/merge-requests/${facts.id}`
  return [NOTE_MARK, `**[Shiplock](${page})**`, '', ...lines.map((line) => `- ${line}`)].join('\n')
}

const flowLine = ({ pair }: NoteFacts) => `**Flow:** ${pair.ok ? 'allowed' : '**not allowed**'}: ${words(pair.because)}`

function runLine({ head, run, fork, neverForks, publicUrl, pair }: NoteFacts): string {
  const at = `**Checks of ${code(head.slice(0, 12))}:**`
  if (run === null) {
    if (fork && neverForks) return `${at} none; this project runs nothing for forks`
    return fork && !pair.ok ? `${at} none` : `${at} no run yet`
  }
  const link = `[run ${run.id}](${publicUrl}/runs/${run.id})`
  if (run.status === 'held') return `${at} ${link} waits until an owner says go, because it comes from a fork`
  const stages = run.stages.map((s) => `${s.name} ${s.status}`).join(', ')
  const why = run.because === '' || run.status === 'succeeded' ? '' : `: ${words(run.because)}`
  return `${at} ${link} is **${run.status}**${why}${stages === '' ? '' : ` (${stages})`}`
}

function nextLine({ pair, target, draft, publicUrl, id }: NoteFacts): string {
  if (!pair.ok) return '**After merging:** nothing; the flow has no such arrow'
  const goesTo = pair.targetKind === 'other' ? null : FLOW[pair.targetKind].goesTo
  const gates = `[its gates](${publicUrl}/merge-requests/${id})`
  const where =
    goesTo === null
      ? 'nothing goes anywhere by itself'
      : `what ${code(target)} makes goes to **${goesTo}**, through ${gates}`
  return `**After merging:** ${where}${draft ? '; it is a draft now' : ''}`
}
