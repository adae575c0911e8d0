// The images that a Dockerfile starts from or copies from. Pure; reads what BuildKit reads, and gives up on nothing.
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

/** One use of an image. */
export interface Reference {
  /** The place of its instruction in the file. */
  at: number
  kind: 'from' | 'copy' | 'mount'
  /** As it is written there. */
  written: string
  /** With its variables put in; null: it is no name of an image, and the builder will say so. */
  image: string | null
  /** Of FROM: the platform that is asked for, or null. */
  platform: string | null
  /** False: no stage that the image is made of needs it, and the builder never looks at it. */
  needed: boolean
}

/** A name as registries and engines take it. */
const NAME =
  /^(?:[a-zA-Z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/

export const isImageName = (name: string): boolean => name.length <= 512 && NAME.test(name)

/** The images named by `FROM`, `COPY --from` and `RUN --mount=from`, in their order, each once. */
export function basesOf(dockerfile: string, builder: Builder): string[] {
  const file = readDockerfile(dockerfile, { heredocs: heredocsIn(dockerfile, builder.heredocs) })
  return [...new Set(referencesOf(file, builder.platform).flatMap(({ image }) => image ?? []))]
}

interface Stage {
  /** The place of the stage that it starts from; null: it starts from an image, or from nothing. */
  from: number | null
  /** Places of the stages that it needs. */
  needs: Set<number>
  uses: Reference[]
}

/**
 * Every use of an image from outside the file. Stages of the file itself, their numbers and `scratch` are none. Values of
 * the `ARG`s before the first `FROM` are put in, as BuildKit does it.
 */
export const referencesOf = (file: Dockerfile, platform: string): Reference[] =>
  readStages(file, platform).flatMap(({ uses }) => uses)

function readStages(file: Dockerfile, platform: string): Stage[] {
  const { instructions, mark } = file
  const args = automaticArgs(platform)
  const names = stageNames(instructions)
  const stages: Stage[] = []
  for (const [at, { name, rest }] of instructions.entries()) {
    const stage = stages.at(-1)
    if (name === 'ARG' && !stage) for (const word of quotedWords(rest, mark)) readArg(word, args, mark)
    if (name === 'FROM') stages.push(readFrom(at, rest, stages.length, names, args, mark))
    if ((name === 'COPY' || name === 'RUN') && stage)
      for (const written of sourcesOf(name, rest, mark)) {
        const known = stageOf(name, written, names)
        if (known !== null) stage.needs.add(known)
        else if (written !== '' && written !== 'scratch')
          stage.uses.push({
            at,
            kind: name === 'COPY' ? 'copy' : 'mount',
            written,
            image: isImageName(written) ? written : null,
            platform: null,
            needed: false,
          })
      }
  }
  markNeeded(stages)
  return stages
}

function stageNames(instructions: readonly Instruction[]): (string | null)[] {
  return instructions
    .filter(({ name }) => name === 'FROM')
    .map(({ rest }) => {
      const [, as, alias] = plainWords(rest).filter((word) => !word.startsWith('--'))
      return as?.toLowerCase() === 'as' && alias !== undefined ? alias.toLowerCase() : null
    })
}

function readFrom(
  at: number,
  rest: string,
  own: number,
  names: readonly (string | null)[],
  args: ReadonlyMap<string, string>,
  mark: string,
): Stage {
  const { flags, words } = flagsOf(rest, mark)
  const [written] = plainWords(rest.slice(words))
  const stage: Stage = { from: null, needs: new Set(), uses: [] }
  if (written === undefined) return stage
  const name = expand(written, args, mark)
  // A stage is known from its FROM on: of two of one name, the later one hides the other.
  const earlier = name === null ? -1 : names.slice(0, own).lastIndexOf(name.toLowerCase())
  const asked = flags.map(({ text }) => /^--platform=(.+)$/i.exec(text)?.[1]).find((value) => value !== undefined)
  if (earlier >= 0) {
    stage.from = earlier
    stage.needs.add(earlier)
  } else if (name !== 'scratch')
    stage.uses.push({
      at,
      kind: 'from',
      written,
      image: name !== null && isImageName(name) ? name : null,
      platform: asked === undefined ? null : expand(asked, args, mark),
      needed: false,
    })
  return stage
}

/** What the flags of a `COPY` or `RUN` take from elsewhere. BuildKit puts no variables in here. */
export function sourcesOf(name: 'COPY' | 'RUN', rest: string, mark: string): string[] {
  const { flags } = flagsOf(rest, mark)
  if (name === 'COPY') return flags.flatMap(({ text }) => /^--from=(.*)$/is.exec(text)?.[1] ?? [])
  return flags
    .flatMap(({ text }) => /^--mount=(.*)$/is.exec(text)?.[1]?.replaceAll('"', '').split(',') ?? [])
    .flatMap((field) => /^\s*from=(.*)$/is.exec(field)?.[1]?.trim() ?? [])
}

/** The stage of the file that is meant, or null: it is an image. Only a COPY counts stages by number. */
function stageOf(name: 'COPY' | 'RUN', written: string, names: readonly (string | null)[]): number | null {
  const named = names.lastIndexOf(written.toLowerCase())
  if (named >= 0) return named
  return name === 'COPY' && /^\d+$/.test(written) && Number(written) < names.length ? Number(written) : null
}

/** What the last stage is made of is built, and nothing else. */
function markNeeded(stages: readonly Stage[]) {
  const seen = new Set<number>()
  const open = stages.length === 0 ? [] : [stages.length - 1]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) continue
    seen.add(at)
    for (const use of stages[at]?.uses ?? []) use.needed = true
    open.push(...(stages[at]?.needs ?? []))
  }
}

/** The image that the built one starts from; null: it starts from nothing, or from what cannot be named. */
export function finalBase(file: Dockerfile, platform: string): string | null {
  const stages = readStages(file, platform)
  let stage = stages.at(-1)
  while (stage && stage.from !== null) stage = stages[stage.from]
  return stage?.uses.find(({ kind }) => kind === 'from')?.image ?? null
}
