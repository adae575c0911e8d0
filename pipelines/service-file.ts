// The service file, .shiplock.yaml: read from untrusted text, with everything that is wrong in it told at once.
import { z } from 'zod'
import { type BranchKind, FLOW } from './gitflow'
import { STAGE_NAMES, type StageName } from './run'
import { MAX_PROBLEMS, problemsOf, valueAt } from './service-problem'
import { ServiceFile, type ServiceStage } from './service-schema'
import { MAX_BYTES, type Problem, pathInWords, readYaml, type YamlDocument } from './yaml-document'

export { type Build, ServiceFile, type ServiceStage, TEMPLATE_NAMES, type TemplateName } from './service-schema'
export type { Problem } from './yaml-document'

/** Where it stands in a repository. */
export const SERVICE_FILE = '.shiplock.yaml'
/** Bytes; a larger file is refused unread. */
export const MAX_SERVICE_FILE = MAX_BYTES

export type ParsedServiceFile =
  /** `notes`: valid, and not carried by this version. */
  | { ok: true; service: ServiceFile; notes: Problem[] }
  /** At least one problem, in the order of the file; after 50, one more says how many are left out. */
  | { ok: false; problems: Problem[] }

/** Reads .shiplock.yaml. Never throws, whatever the text is, and takes some milliseconds even where it is hostile. */
export function parseServiceFile(text: string): ParsedServiceFile {
  const document = readYaml(text)
  const refused = notAMapping(document)
  if (refused) return { ok: false, problems: tidy([...document.problems, ...refused]) }

  const parsed = ServiceFile.safeParse(document.value)
  const told = new Set(document.problems.map((p) => p.path))
  const issues = parsed.success ? [] : parsed.error.issues.flatMap((issue) => problemsOf(issue, document))
  // Where the reading refused a value, the schema only sees that it is missing.
  const problems = [...document.problems, ...issues.filter((p) => !told.has(p.path)), ...acrossKeys(document)]
  if (!parsed.success || problems.length) return { ok: false, problems: tidy(problems) }
  return { ok: true, service: keepAsWritten(parsed.data, document), notes: tidy(notesOf(parsed.data, document)) }
}

function notAMapping({ value, problems }: YamlDocument): Problem[] | null {
  if (value === undefined) return []
  if (value === null)
    return [{ line: 1, path: '', message: 'the file is empty; `service` and `version` are the least it holds' }]
  if (typeof value === 'object' && !Array.isArray(value)) return null
  const what = Array.isArray(value) ? 'a list' : typeof value === 'string' ? 'a string' : `a ${typeof value}`
  return problems.length
    ? []
    : [{ line: 1, path: '', message: `expected a mapping that starts with \`service\`, found ${what}` }]
}

function tidy(problems: Problem[]): Problem[] {
  const sorted = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))
  const more = sorted.length - MAX_PROBLEMS
  return more > 0 ? [...sorted.slice(0, MAX_PROBLEMS), { line: null, path: '', message: `and ${more} more` }] : sorted
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Rules over several keys. They look at the plain data, so that they are told together with what the schema finds. */
function acrossKeys(document: YamlDocument): Problem[] {
  const problems: Problem[] = []
  const problem = (path: (string | number)[], message: string) =>
    problems.push({ line: document.lineOf(path), path: pathInWords(path), message })
  const at = (...path: string[]) => valueAt(document.value, path)

  const build = at('build')
  if (isMapping(build)) {
    const both = 'dockerfile' in build && 'template' in build
    if (both || Object.keys(build).length === 0)
      problem(['build'], `expected either \`dockerfile\` or \`template\`, found ${both ? 'both' : 'neither'}`)
  }

  const check = at('deploy', 'healthcheck')
  const listed = at('deploy', 'ports') ?? []
  if (isMapping(check) && Array.isArray(listed)) {
    const path = ['deploy', 'healthcheck', 'port']
    const asked = check.port
    if (asked === undefined && listed.length === 0) problem(path, 'is missing: `deploy.ports` has no port to ask')
    else if (/^\d+$/.test(String(asked)) && !listed.map(String).includes(String(asked)))
      problem(path, `${asked} is not one of \`deploy.ports\``)
  }

  const config = at('config')
  for (const [name, rule] of Object.entries(isMapping(config) ? config : {})) {
    if (!isMapping(rule) || rule.default === undefined) continue
    const path = ['config', name, 'default']
    if (rule.secret === true) problem(path, 'a secret has no default: its value never stands in the repository')
    else if (Array.isArray(rule.enum) && !rule.enum.map(String).includes(String(rule.default)))
      problem(path, 'is not one of the values under `enum`')
  }
  return problems
}

/** A variable is text: `RATIO: 1.10` means "1.10", which YAML alone would make "1.1". */
function keepAsWritten(service: ServiceFile, document: YamlDocument): ServiceFile {
  const asWritten = (path: (string | number)[], value: string) => document.written(path) ?? value
  const entries = (env: Record<string, string>, path: string[]) =>
    Object.fromEntries(Object.entries(env).map(([name, value]) => [name, asWritten([...path, name], value)]))
  const stages = Object.fromEntries(
    Object.entries(service.stages).map(([name, stage]) => [
      name,
      {
        ...stage,
        env: entries(stage.env, ['stages', name, 'env']),
        services: Object.fromEntries(
          Object.entries(stage.services).map(([beside, container]) => [
            beside,
            { ...container, env: entries(container.env, ['stages', name, 'services', beside, 'env']) },
          ]),
        ),
      },
    ]),
  )
  const config = Object.fromEntries(
    Object.entries(service.config).map(([name, rule]) => [
      name,
      {
        ...rule,
        ...(rule.enum && { enum: rule.enum.map((value, i) => asWritten(['config', name, 'enum', i], value)) }),
        ...(rule.default !== undefined && { default: asWritten(['config', name, 'default'], rule.default) }),
      },
    ]),
  )
  return { ...service, stages, config }
}

const runsOn = (kind: BranchKind, stage: StageName) =>
  FLOW[kind].stages.includes(stage) || FLOW[kind].optional.includes(stage)

function notesOf(service: ServiceFile, document: YamlDocument): Problem[] {
  const notes: Problem[] = []
  const note = (path: (string | number)[], message: string) =>
    notes.push({ line: document.lineOf(path), path: pathInWords(path), message })

  for (const name of STAGE_NAMES) {
    const stage: ServiceStage | undefined = name === 'build' ? undefined : service.stages[name]
    if (!stage) continue
    stage.alsoOn.forEach((kind, i) => {
      if (!runsOn(kind, name))
        note(['stages', name, 'also_on', i], `has no effect: a push to a ${kind} branch never runs ${name}`)
    })
  }

  const { order, parallelism, delay, onFailure } = service.deploy.update
  const together = 'this version replaces all replicas at once, after the new ones are healthy'
  if (order !== 'start-first')
    note(['deploy', 'update', 'order'], 'this version always starts the new release before it stops the old one')
  if (parallelism !== undefined) note(['deploy', 'update', 'parallelism'], together)
  if (delay !== undefined) note(['deploy', 'update', 'delay'], together)
  if (onFailure !== 'rollback')
    note(['deploy', 'update', 'on_failure'], 'this version always goes back to the release that was running')
  return notes
}

/** The JSON schema that editors check the file with; published as pipelines/service-file.schema.json. */
export function serviceFileSchema(): object {
  const schema = z.toJSONSchema(ServiceFile, { io: 'input', target: 'draft-7', reused: 'ref' })
  return {
    ...schema,
    title: 'Shiplock service file',
    description: `What ${SERVICE_FILE} in the root of a service's repository may hold`,
  }
}
