import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import type { WorkLabel } from '../../pipelines/engines/engine'
import { BUSYBOX, build, commit, keptLog, label, never } from './engine-orders'

const engine = dockerEngine()
const docker = new Docker()
const other = `other${process.pid}`
const instance = label().instance
const prefix = `names-${process.pid}`

/** Owners of images: two projects of one installation, the first project of another, and no project at all. */
const OWNERS = ['one', 'two', 'elsewhere', 'none'] as const
type Owner = (typeof OWNERS)[number]
const LABELS: Record<Owner, Partial<WorkLabel> | null> = {
  one: { project: 1 },
  two: { project: 2 },
  elsewhere: { project: 1, instance: other },
  none: null,
}

/** Two images of each owner. */
const images = new Map<Owner, string[]>()

async function made(owner: Owner, n: number): Promise<string> {
  const text = `FROM ${BUSYBOX}\nENV MADE_BY=${owner}-${n}\n`
  const work = LABELS[owner]
  if (work === null) {
    const name = `${prefix}/none:${n}`
    const base = await docker.createContainer({ Image: BUSYBOX, Cmd: ['true'] })
    await base.commit({ repo: `${prefix}/none`, tag: String(n), changes: `ENV MADE_BY=${n}` })
    await base.remove()
    return (await engine.image(name))?.digest ?? ''
  }
  const order = build(text, {
    label: label({ stage: 'build', ...work }),
    image: `${prefix}/${owner}:${n}`,
    files: commit({ Dockerfile: text }),
  })
  const verdict = await engine.build(order, keptLog().log, never())
  if (!verdict.ok) throw new Error(verdict.because)
  return verdict.digest
}

beforeAll(async () => {
  for (const owner of OWNERS) images.set(owner, [await made(owner, 1), await made(owner, 2)])
})
afterAll(async () => {
  const named = await docker.listImages({ filters: { reference: [`${prefix}/*`] } })
  for (const name of named.flatMap((image) => image.RepoTags ?? []))
    if (name.startsWith(prefix)) await docker.getImage(name).remove({ force: true })
  await engine.removeAll(instance)
  await engine.removeAll(other)
})

const imageOf = (owner: Owner, n: number) => images.get(owner)?.[n] ?? ''
const holderOf = async (name: string) => (await engine.image(name))?.digest

describe('C4: a name that exists', () => {
  const pairs = OWNERS.flatMap((has) => OWNERS.map((wants) => [has, wants] as const))

  it.each(pairs)('of an image of %s is moved to one of %s exactly where both have one owner', async (has, wants) => {
    const name = `${prefix}/tag-${has}-${wants}:1`
    await engine.tag(imageOf(has, 0), name)
    const moving = engine.tag(imageOf(wants, 1), name)
    if (has === wants) await moving
    else await expect(moving).rejects.toMatchObject({ code: 'engine.refused', message: expect.stringContaining(name) })
    expect(await holderOf(name)).toBe(has === wants ? imageOf(has, 1) : imageOf(has, 0))
  })

  it.each(OWNERS)('of an image of %s is taken by a build of its own project alone', async (has) => {
    const name = `${prefix}/build-${has}:1`
    await engine.tag(imageOf(has, 0), name)
    const order = build(`FROM ${BUSYBOX}\nENV AGAIN=${has}\n`, {
      label: label({ stage: 'build', project: 1 }),
      image: name,
    })
    const log = keptLog()
    const verdict = await engine.build(order, log.log, never())
    expect(verdict.ok, verdict.because).toBe(has === 'one')
    if (verdict.ok) expect(await holderOf(name)).toBe(verdict.digest)
    else {
      expect(verdict.because).toMatch(/it is not moved .*take this one away .*, and run it again$/)
      expect(await holderOf(name)).toBe(imageOf(has, 0))
      expect(log.text()).toBe('') // nothing was built for it
    }
  })

  it('with a digest or a registry in front is asked for by the same rule', async () => {
    const name = `localhost:5000/${prefix}/far:1`
    await engine.tag(imageOf('one', 0), name)
    await expect(engine.tag(imageOf('two', 0), name)).rejects.toMatchObject({ code: 'engine.refused' })
    await engine.tag(imageOf('one', 0), name) // the same again
    expect(await holderOf(name)).toBe(imageOf('one', 0))
    await docker.getImage(name).remove({ force: true })
  })

  it('without a tag is the name with the tag latest', async () => {
    const name = `${prefix}/untagged`
    await engine.tag(imageOf('one', 0), `${name}:latest`)
    await expect(engine.tag(imageOf('two', 0), name)).rejects.toMatchObject({ code: 'engine.refused' })
  })
})
