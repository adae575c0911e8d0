// The flow of one project, row by row, as its page tells it in words. Pure.
import { FLOW, type FlowSettings, KINDS, namesOf } from '../../pipelines/gitflow'
import type { FlowRowShape } from './shapes'

const URGENT = Math.min(...KINDS.map((kind) => FLOW[kind].priority))

export const flowTable = (flow: FlowSettings): FlowRowShape[] =>
  KINDS.map((kind) => {
    const row = FLOW[kind]
    return {
      kind,
      names: [...namesOf(kind, flow)],
      looks: kind === 'feature' ? [...flow.tickets] : [],
      stages: [...row.stages],
      optional: [...row.optional],
      adopts: row.adopts,
      first: row.priority === URGENT,
      goesTo: row.goesTo,
      mergesInto: row.mergesInto.map((into) => ({ kind: into, names: [...namesOf(into, flow)] })),
      policies: policiesOf(kind, flow),
    }
  })

/** What else happens, by the project's own switches: beside the branch that it happens on. */
function policiesOf(kind: (typeof KINDS)[number], flow: FlowSettings): string[] {
  if (kind === 'master') return [`tag-${flow.tag}`, ...(flow.back_merge ? ['back-merge'] : [])]
  if (kind === 'hotfix') return [`debt-${flow.hotfix_debt === 'blocks' ? 'blocks' : 'shown'}`]
  return []
}
