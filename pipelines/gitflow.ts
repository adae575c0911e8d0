// The Git-flow, as data: what each kind of branch does on a push, how far what it makes may go, and what it may be merged into.
import { z } from 'zod'
import type { StageName } from './run'

export type BranchKind = 'feature' | 'develop' | 'release' | 'master' | 'hotfix'

interface FlowRow {
  /** Exact names, or prefixes that end in a slash. A project may say otherwise: FlowSettings.branches. */
  match: readonly string[]
  /** Stages on a push, in order. */
  stages: readonly StageName[]
  /** Stages that run only where the service file lists this branch kind under `also_on`. */
  optional: readonly StageName[]
  /** The environment that a success goes to by itself; nothing of this branch goes beyond it. */
  goesTo: string | null
  /** What a merge request from it may target. */
  mergesInto: readonly BranchKind[]
  /** True: a release of the same tree that was verified is taken instead of building. */
  adopts: boolean
  /** Lower is first in every queue. */
  priority: number
}

export const FLOW: Record<BranchKind, FlowRow> = {
  feature: {
    match: ['feature/'],
    stages: ['static'],
    optional: ['unit'],
    goesTo: null,
    mergesInto: ['develop'],
    adopts: false,
    priority: 20,
  },
  develop: {
    match: ['develop'],
    stages: ['static', 'build', 'unit', 'api', 'integration'],
    optional: [],
    goesTo: 'test',
    mergesInto: [],
    adopts: false,
    priority: 10,
  },
  release: {
    match: ['release/'],
    stages: ['static', 'build', 'unit', 'component'],
    optional: [],
    goesTo: 'prerelease',
    mergesInto: ['master', 'develop'],
    adopts: false,
    priority: 10,
  },
  master: {
    match: ['master', 'main'],
    stages: ['static', 'build', 'unit', 'component'],
    optional: [],
    goesTo: 'production',
    // The way back where the branch that was merged is gone already.
    mergesInto: ['develop'],
    adopts: true,
    priority: 10,
  },
  hotfix: {
    match: ['hotfix/'],
    stages: ['static', 'build', 'unit', 'component'],
    optional: [],
    goesTo: 'prerelease',
    mergesInto: ['master', 'develop'],
    adopts: false,
    priority: 0,
  },
}
export const KINDS = Object.keys(FLOW) as BranchKind[]

/** Longest branch name that is taken: the forges' own limit. */
export const MAX_BRANCH = 244

/** Where a release must have been verified before a branch that adopts may take it over. */
export const ADOPTS_FROM = 'prerelease'

const NOT_A_NAME = 'must be a name that git allows for a branch'
const Name = z
  .string()
  .min(1)
  .max(100)
  .refine((name) => badBranchName(name) === null, NOT_A_NAME)
const Prefix = z
  .string()
  .min(2)
  .max(100)
  .refine(
    (prefix) => prefix.endsWith('/') && badBranchName(prefix.slice(0, -1)) === null,
    'must end in a slash, as in feature/',
  )
/** `#` is a number, `*` is anything, every other character is itself: SHOP-#-* */
const Ticket = z
  .string()
  .min(1)
  .max(60)
  .regex(/^[\w.#*-]+$/, 'may hold letters, digits, . _ -, # for a number and * for anything, as in SHOP-#-*')

const branchNames = (
  kind: BranchKind,
  branches: Partial<Record<BranchKind, string | undefined>>,
): readonly string[] => {
  const own = branches[kind]
  return own === undefined ? FLOW[kind].match : [own]
}
const overlap = (a: string, b: string) =>
  a === b || (a.endsWith('/') && b.startsWith(a)) || (b.endsWith('/') && a.startsWith(b))

/** What a project may say otherwise. Everything absent is as FLOW has it. */
export const FlowSettings = z
  .strictObject({
    branches: z
      .strictObject({
        feature: Prefix.optional(),
        develop: Name.optional(),
        release: Prefix.optional(),
        master: Name.optional(),
        hotfix: Prefix.optional(),
      })
      .prefault({}),
    /** What comes after the prefix of a feature branch must look like one of these; none: anything may. */
    tickets: z.array(Ticket).max(20).prefault([]),
    /** The version tag on the production branch: Shiplock makes it, or production waits until a person has. */
    tag: z.enum(['made', 'awaited'], 'must be made or awaited').prefault('made'),
    /** Open the merge request back to develop after production. */
    back_merge: z.boolean().prefault(true),
    /** Whether the next promotion to production waits until a hotfix has come back to develop. */
    hotfix_debt: z.enum(['blocks', 'shown'], 'must be blocks or shown').prefault('blocks'),
    /** Merge requests from forks: static checks once an owner says go, or never. */
    forks: z.enum(['ask', 'never'], 'must be ask or never').prefault('ask'),
    /** What may leave for prerelease and production without a .shiplock.yaml. */
    service_file: z.enum(['required', 'optional'], 'must be required or optional').prefault('required'),
  })
  .superRefine(({ branches }, context) => {
    const names = KINDS.flatMap((kind) => branchNames(kind, branches).map((name) => ({ kind, name })))
    for (const [at, { kind, name }] of names.entries()) {
      const other = names.findIndex((o, i) => i < at && o.kind !== kind && overlap(o.name, name))
      if (other >= 0)
        context.addIssue({
          code: 'custom',
          path: ['branches', kind],
          message: `${name} is also a ${names[other]?.kind} branch (${names[other]?.name})`,
        })
    }
  })
export type FlowSettings = z.infer<typeof FlowSettings>

/** Git-flow as it comes. */
export const STANDARD_FLOW: FlowSettings = FlowSettings.parse({})

/** The flow of a project from its row. What is not valid any more counts as the standard: it was checked when it was stored. */
export const flowOf = (stored: unknown): FlowSettings => FlowSettings.catch(STANDARD_FLOW).parse(stored ?? {})

/** What branches of a kind are called in this flow: exact names, or prefixes that end in a slash. */
export const namesOf = (kind: BranchKind, flow: FlowSettings): readonly string[] => branchNames(kind, flow.branches)

/** The name of the one branch of a kind that has no prefix; of several, the first. */
export const nameOf = (kind: 'develop' | 'master', flow: FlowSettings): string => namesOf(kind, flow)[0] ?? kind

/** Which row of FLOW a branch belongs to; null where Git-flow has no name for it. */
export function branchKind(branch: string, flow: FlowSettings = STANDARD_FLOW): BranchKind | null {
  for (const kind of KINDS) {
    for (const m of namesOf(kind, flow)) {
      if (m.endsWith('/') ? branch.startsWith(m) && branch.length > m.length : branch === m) return kind
    }
  }
  return null
}

/** What a run is of: a branch of the flow, a merge request from a fork, or nothing that the flow knows. */
export type RunKind = BranchKind | 'fork' | 'other'

/**
 * The kind of a run, derived from what decides it: the branch's name in the project's flow. What the row says of itself may
 * make it a fork's, and nothing higher.
 */
export const kindOf = (
  run: { branch: string; branchKind: string; mergeRequestId: number | null },
  flow: FlowSettings,
): RunKind =>
  run.branchKind === 'fork' || run.mergeRequestId !== null ? 'fork' : (branchKind(run.branch, flow) ?? 'other')

/**
 * Why this branch has no place in the flow, or null where it has. The reason names the rule.
 * @returns the kind, or the reason
 */
export function placeOf(
  branch: string,
  flow: FlowSettings = STANDARD_FLOW,
): { kind: BranchKind } | { because: string } {
  const bad = badBranchName(branch)
  if (bad !== null) return { because: `the branch name cannot be used: ${bad}` }
  const kind = branchKind(branch, flow)
  if (kind === null) return { because: `the branch has no place in the flow: ${flowInWords(flow)}` }
  if (kind !== 'feature' || flow.tickets.length === 0) return { kind }
  const prefix = namesOf(kind, flow).find((m) => branch.startsWith(m)) ?? ''
  const rest = branch.slice(prefix.length)
  if (flow.tickets.some((ticket) => looksLike(rest, ticket))) return { kind }
  return { because: `a feature branch of this project is called ${flow.tickets.map((t) => prefix + t).join(' or ')}` }
}

/** Matches in time linear in both: no pattern of a user is ever a regular expression. */
function looksLike(text: string, pattern: string): boolean {
  let reached = new Set([0])
  for (const sign of pattern) {
    const next = new Set<number>()
    if (sign === '*') for (let at = Math.min(...reached); at <= text.length; at++) next.add(at)
    else
      for (const at of reached) {
        if (sign === '#') for (let to = at; /\d/.test(text[to] ?? ''); to++) next.add(to + 1)
        else if (text[at] === sign) next.add(at + 1)
      }
    if (next.size === 0) return false
    reached = next
  }
  return reached.has(text.length)
}

/**
 * Why this name cannot be a branch, or null where it can. The rules are git's own (git-check-ref-format), narrowed:
 * a name is an argument of git and part of container labels, so nothing that starts an option, climbs a path, or hides
 * in a terminal is let through. Letters and digits of any script are.
 */
export function badBranchName(branch: string): string | null {
  if (branch === '') return 'it is empty'
  if (Buffer.byteLength(branch) > MAX_BRANCH) return `it is longer than ${MAX_BRANCH} bytes`
  if (branch.startsWith('-')) return 'it starts with "-"'
  if (/(^|\/)\.|\.\.|\.lock(\/|$)|\.$|\/\/|^\/|\/$|@\{/.test(branch))
    return 'git does not allow it (dots, slashes or ".lock")'
  const bad = branch.match(/[^\p{L}\p{M}\p{N}._/@#+=,-]/u)
  if (bad) return `it contains ${JSON.stringify(bad[0])}; letters, digits and . _ / @ # + = , - are allowed`
  return null
}

/** May a branch be merged into another? The reason is for the merge request, word for word. */
export function mayMerge(
  source: string,
  target: string,
  flow: FlowSettings = STANDARD_FLOW,
): { ok: boolean; because: string } {
  const [from, to] = [placeOf(source, flow), placeOf(target, flow)]
  if (!('kind' in to)) return { ok: false, because: `${target} is no branch to merge into: ${to.because}` }
  if (!('kind' in from)) return { ok: false, because: `${source} is no branch to merge from: ${from.because}` }
  const allowed = FLOW[from.kind].mergesInto
  if (allowed.includes(to.kind)) return { ok: true, because: `a ${from.kind} branch may be merged into ${to.kind}` }
  const into = allowed.map((kind) => namesOf(kind, flow).join(' or ')).join(' or ')
  return {
    ok: false,
    because:
      allowed.length === 0
        ? `a ${from.kind} branch is merged into nothing`
        : `a ${from.kind} branch is merged into ${into}, not into ${target}`,
  }
}

const spoken = (kind: BranchKind, flow: FlowSettings) =>
  namesOf(kind, flow)
    .map((m) => (m.endsWith('/') ? `${m}*` : m))
    .join(' or ')

/** The rule of the flow in words, for the refusal of a branch that has no place in it. */
export const flowInWords = (flow: FlowSettings = STANDARD_FLOW) =>
  `Git-flow knows ${KINDS.map((kind) => spoken(kind, flow)).join(', ')} here`
