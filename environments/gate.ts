// The gates: conditions on a promotion, each a pure function of facts. One function judges every path that could deploy.
import { type BranchKind, FLOW } from '../pipelines/gitflow'

/** Everything the gates look at, read in one go from the record. */
export interface Facts {
  environment: { name: string; start: 'automatic' | 'on-signoff' | 'by-hand' }
  release: { id: number; tag: string }
  run: { id: number; branchKind: BranchKind | 'other'; templated: boolean }
  /** Required configuration that has no value. */
  missingConfig: readonly string[]
  /** Another promotion that is being deployed there now. */
  busy: { id: number; since: Date } | null
  /** A newer promotion to the same environment that is deployed or on its way. */
  newer: { id: number; run: number } | null
}

export interface Verdict {
  gate: GateName
  state: 'open' | 'waiting' | 'shut'
  because: string
}

type Judgement = Omit<Verdict, 'gate'>
const open = (because: string): Judgement => ({ state: 'open', because })
const waiting = (because: string): Judgement => ({ state: 'waiting', because })
const shut = (because: string): Judgement => ({ state: 'shut', because })

/** In the order that a person would ask. */
export const GATES = {
  ceiling: ({ run, environment }: Facts) => {
    const goesTo = run.branchKind === 'other' ? null : FLOW[run.branchKind].goesTo
    return goesTo === environment.name
      ? open(`a ${run.branchKind} branch may go to ${environment.name}`)
      : shut(
          goesTo === null
            ? `a ${run.branchKind} branch goes nowhere`
            : `a ${run.branchKind} branch goes to ${goesTo}, not to ${environment.name}`,
        )
  },
  'service file': ({ run, environment }: Facts) => {
    if (!run.templated) return open('there is a valid .shiplock.yaml')
    return environment.name === 'test'
      ? open('there is no .shiplock.yaml; the test environment is as far as it may go')
      : shut('there is no .shiplock.yaml, so it may not go beyond the test environment: add one to the repository')
  },
  configuration: ({ missingConfig, environment }: Facts) =>
    missingConfig.length === 0
      ? open('nothing required is missing')
      : shut(
          `${environment.name} has no value for ${missingConfig.join(', ')}: give a default in .shiplock.yaml; values per environment are not carried by this version`,
        ),
  start: ({ environment }: Facts) =>
    environment.start === 'automatic'
      ? open('it starts by itself')
      : shut(`${environment.name} starts ${environment.start}, which this version does not carry`),
  order: ({ newer }: Facts) =>
    newer === null ? open('nothing newer is there') : shut(`promotion #${newer.id} of run #${newer.run} is newer`),
  'environment free': ({ busy, environment }: Facts) =>
    busy === null
      ? open('nothing else is being deployed there')
      : waiting(`promotion #${busy.id} is being deployed to ${environment.name}; one at a time`),
} as const satisfies Record<string, (facts: Facts, now: Date) => Judgement>

export type GateName = keyof typeof GATES

/** The answer of all gates, and the one state that counts: shut before waiting before open. */
export function judge(facts: Facts, now: Date): { state: Verdict['state']; because: string; verdicts: Verdict[] } {
  const verdicts = (Object.keys(GATES) as GateName[]).map((gate) => {
    const answer: (f: Facts, n: Date) => Judgement = GATES[gate]
    return { gate, ...answer(facts, now) }
  })
  const worst = verdicts.find((v) => v.state === 'shut') ?? verdicts.find((v) => v.state === 'waiting')
  return { state: worst?.state ?? 'open', because: worst?.because ?? '', verdicts }
}
