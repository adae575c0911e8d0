// The images that a Dockerfile starts from or copies from, and the stages that its last one needs. Pure; follows BuildKit.
import { type Dockerfile, flagsOf, type Instruction, plainWords, quotedWords, readDockerfile } from './dockerfile'
import { heredocsIn } from './dockerfile-syntax'
import { automaticArgs, expand, readArg } from './dockerfile-variables'

/** The engine's builder, as far as reading a Dockerfile depends on it. */
export interface Builder {
  /** What it builds for and on: linux/amd64. */
  platform: string
  /** Whether it knows documents (`RUN <<EOF`) by itself, without a `# syntax=` line. */
  heredocs: boolean
}

interface Use {
  /** The place of its instruction in the file. */
  at: number
  kind: 'from' | 'copy' | 'mount'
  /** As it is written there. */
  written: string
}

/** One use of an image. */
export interface Reference extends Use {
  /** With its variables put in; null: it is no name of an image, and of no stage either. */
  image: string | null
  /** Of FROM: the platform that is asked for, or null. */
  platform: string | null
  /** False: no stage that the image is made of needs it, and the builder is not given it. */
  needed: boolean
}

/** One use of a stage of the same file, by its place. */
export interface Link extends Use {
  stage: number
}

export interface Stage {
  /** The places of its instructions: [at, end). */
  at: number
  end: number
  /** As it is written behind AS; null: it has none. */
  name: string | null
  /** It starts from nothing. */
  scratch: boolean
  uses: Reference[]
  links: Link[]
  needed: boolean
}

const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
/** A name as registries and engines take it. Only a host, which has a dot or a port, may have capitals. */
const NAME = new RegExp(
  `^(?:(?:localhost|[a-zA-Z0-9-]*[.][a-zA-Z0-9.-]*|[a-zA-Z0-9.-]+(?=:))(?::\\d+)?/)?${PART}(?:/${PART})*(?::\\w[\\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`,
)

export const isImageName = (name: string): boolean => name.length <= 512 && NAME.test(name)

/** The images named by `FROM`, `COPY --from` and `RUN --mount=from`, in their order, each once. */
export function basesOf(dockerfile: string, builder: Builder): string[] {
  const file = readDockerfile(dockerfile, { heredocs: heredocsIn(dockerfile, builder.heredocs) })
  return [...new Set(referencesOf(file, builder.platform).flatMap(({ image }) => image ?? []))]
}

/** Every use of an image from outside the file. Stages of the file itself, their numbers and `scratch` are none. */
export const referencesOf = (file: Dockerfile, platform: string): Reference[] =>
  stagesOf(file, platform).flatMap(({ uses }) => uses)

/** Values of the `ARG`s before the first `FROM` are put in, as BuildKit does it. */
export function stagesOf({ instructions }: Dockerfile, platform: string): Stage[] {
  const args = automaticArgs(platform)
  const stages: Stage[] = []
  for (const [at, { name, rest }] of instructions.entries()) {
    const stage = stages.at(-1)
    if (name === 'FROM') stages.push(readFrom(at, rest, stages, args))
    else if (stage === undefined) {
      if (name === 'ARG') for (const word of quotedWords(rest)) readArg(word, args)
    } else stage.end = at + 1
  }
  // A COPY may also take from a later stage.
  for (const stage of stages)
    for (const [i, { name, rest }] of instructions.slice(stage.at, stage.end).entries())
      if (name === 'COPY' || name === 'RUN') readSources(stage.at + i, name, rest, stages, stage)
  markNeeded(stages)
  return stages
}

function readSources(
  at: number,
  name: 'COPY' | 'RUN',
  rest: Instruction['rest'],
  stages: readonly Stage[],
  into: Stage,
) {
  const kind = name === 'COPY' ? 'copy' : 'mount'
  for (const written of sourcesOf(name, rest)) {
    const stage = stageOf(kind, written, stages)
    if (stage !== null) into.links.push({ at, kind, written, stage })
    else if (written !== '' && written !== 'scratch')
      into.uses.push({
        at,
        kind,
        written,
        image: isImageName(written) && !(kind === 'copy' && /^\d+$/.test(written)) ? written : null,
        platform: null,
        needed: false,
      })
  }
}

function aliasOf(rest: string): string | null {
  const [, as, alias] = plainWords(rest).filter((word) => !word.startsWith('--'))
  return as?.toLowerCase() === 'as' && alias !== undefined ? alias : null
}

function readFrom(at: number, rest: string, stages: readonly Stage[], args: ReadonlyMap<string, string>): Stage {
  const { flags, words } = flagsOf(rest)
  const [written = ''] = plainWords(rest.slice(words))
  const stage: Stage = { at, end: at + 1, name: aliasOf(rest), scratch: false, uses: [], links: [], needed: false }
  const name = expand(written, args)
  const earlier = name === null ? null : named(name, stages)
  const asked = flags.map(({ text }) => /^--platform=(.+)$/i.exec(text)?.[1]).find((value) => value !== undefined)
  if (earlier !== null) stage.links.push({ at, kind: 'from', written, stage: earlier })
  else if (name === 'scratch') stage.scratch = true
  else
    stage.uses.push({
      at,
      kind: 'from',
      written,
      image: name !== null && isImageName(name) ? name : null,
      platform: asked === undefined ? null : expand(asked, args),
      needed: false,
    })
  return stage
}

/** What the flags of a `COPY` or `RUN` take from elsewhere. BuildKit puts no variables in here. */
export function sourcesOf(name: 'COPY' | 'RUN', rest: string): string[] {
  const { flags } = flagsOf(rest)
  if (name === 'COPY') return flags.flatMap(({ text }) => /^--from=(.*)$/is.exec(text)?.[1] ?? [])
  return flags
    .flatMap(({ text }) => /^--mount=(.*)$/is.exec(text)?.[1]?.replaceAll('"', '').split(',') ?? [])
    .flatMap((field) => /^\s*from=(.*)$/is.exec(field)?.[1]?.trim() ?? [])
}

/** A stage is known from its FROM on: of two of one name, the later one hides the other. */
function named(name: string, stages: readonly Stage[]): number | null {
  const at = stages.findLastIndex((stage) => stage.name?.toLowerCase() === name.toLowerCase())
  return at < 0 ? null : at
}

/** The stage of the file that is meant, or null: it is an image. Only a COPY counts stages by number. */
function stageOf(kind: Use['kind'], written: string, stages: readonly Stage[]): number | null {
  const at = named(written, stages)
  if (at !== null) return at
  return kind === 'copy' && /^\d+$/.test(written) && Number(written) < stages.length ? Number(written) : null
}

/** What the last stage is made of is built, and nothing else. */
function markNeeded(stages: readonly Stage[]) {
  const open = stages.slice(-1)
  for (let stage = open.pop(); stage !== undefined; stage = open.pop()) {
    if (stage.needed) continue
    stage.needed = true
    for (const use of stage.uses) use.needed = true
    open.push(...stage.links.flatMap((link) => stages[link.stage] ?? []))
  }
}

/** The image that the built one starts from; null: it starts from nothing. */
export function finalBase(file: Dockerfile, platform: string): string | null {
  const stages = stagesOf(file, platform)
  let stage = stages.at(-1)
  for (let from = startOf(stage); from !== undefined; from = startOf(stage)) stage = stages[from.stage]
  return stage?.uses.find(({ kind }) => kind === 'from')?.image ?? null
}

const startOf = (stage: Stage | undefined) => stage?.links.find(({ kind }) => kind === 'from')
