import { createHash } from 'node:crypto'
import type { Context } from './context'
import { basesOf } from './dockerfile-bases'
import type { Base } from './engines/engine'
import type { StagePlan } from './stage-plan'

/**
 * How an image is made, apart from the tree: another template, or another image under the name of a base, is another way
 * of building.
 */
export async function howBuilt(
  context: Context,
  stages: readonly StagePlan[],
  readFile: (path: string) => Promise<Buffer | null>,
): Promise<{ buildKey: string; bases: Base[] }> {
  const build = stages.map((s) => s.definition).find((d) => d.kind === 'build')
  if (build?.kind !== 'build') return { buildKey: keyOf(null, []), bases: [] }
  const { dockerfile } = build
  const text = 'text' in dockerfile ? dockerfile.text : ((await readFile(dockerfile.path))?.toString('utf8') ?? '')
  const images = basesOf(text, await context.engine.builder())
  const bases = await Promise.all(
    images.map(async (image) => ({ image, digest: await context.engine.baseDigest(image) })),
  )
  return { buildKey: keyOf(dockerfile, bases), bases }
}

export const keyOf = (dockerfile: unknown, bases: readonly Base[]): string =>
  createHash('sha256')
    .update(JSON.stringify([dockerfile, bases]))
    .digest('hex')
