import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import { ensureBusyboxBase } from '../../scripts/base-image.mjs'
import { BUSYBOX, build, instance, keptLog, LIMITS, label, MIB, never } from './engine-orders'

// C7: what a build writes counts whatever writes it, and what a build leaves does not add up. On the engine's own machine, as root.

const engine = dockerEngine()
const docker = new Docker()
const limits = { ...LIMITS, diskBytes: 64 * MIB }

let turn = 0
const fresh = () => `${process.pid}.${Date.now()}.${++turn}`
const dd = (file: string, mib: number) => `dd if=/dev/urandom of=${file} bs=1M count=${mib}; : ${fresh()}`

async function built(dockerfile: string, over = {}) {
  const { log, text } = keptLog()
  const verdict = await engine.build(build(dockerfile, { limits, ...over }), log, never())
  return { verdict, text: text() }
}

interface Usage {
  BuildCache: { ID: string; Type: string; Size: number; Description: string }[]
}
/** The cache mounts of commands that say this word. */
const mountsOf = async (word: string) =>
  ((await docker.df()) as Usage).BuildCache.filter(
    ({ Type, Description }) => Type === 'exec.cachemount' && Description.includes(word),
  )

// Limits of a build are put in force by root alone; elsewhere the build says that they are not (engine-limits).
describe.skipIf(process.getuid?.() !== 0)('what a build writes (as root)', () => {
  beforeAll(async () => {
    await ensureBusyboxBase()
    await engine.ensureReady()
  }, 30_000)
  afterAll(() => engine.removeAll(instance))

  it.each([
    ['onto a base', BUSYBOX],
    ['onto nothing', 'scratch'],
  ])('C7: counts also where COPY writes it %s, in a stage that is no part of the image', async (_onto, base) => {
    const copies = [1, 2, 3, 4].map((n) => `COPY --from=a /big /${n}`)
    const { verdict } = await built(
      [
        `FROM ${BUSYBOX} AS a`,
        `RUN ${dd('/big', 24)}`,
        `FROM ${base} AS b`,
        ...copies,
        'COPY --from=a /etc /ok',
        'FROM scratch',
        'COPY --from=b /ok /ok',
      ].join('\n'),
    )
    expect(verdict).toMatchObject({
      ok: false,
      because: expect.stringMatching(/^the build wrote more than 64 MiB.*: remove/),
    })
  })

  it('C7: is that of the build alone, also while another copies: neither is blamed for the other', async () => {
    const copying = (mib: number, diskBytes: number) => {
      const copies = [1, 2, 3].map((n) => `COPY --from=a /big /${n}`)
      const text = [`FROM ${BUSYBOX} AS a`, `RUN ${dd('/big', mib)}`, `FROM ${BUSYBOX}`, ...copies].join('\n')
      return built(text, { limits: { ...limits, diskBytes } })
    }
    const all = [copying(10, 64 * MIB), copying(10, 64 * MIB), copying(40, 256 * MIB), copying(40, 256 * MIB)]
    for (const { verdict } of await Promise.all(all)) {
      expect(verdict).toMatchObject({ ok: true, because: expect.stringMatching(/^built sha256:/) })
    }
  })

  it('C7: goes with the build that was ended for it, what is in its cache mounts too', async () => {
    const word = `ended.${fresh()}`
    const { verdict } = await built(
      `FROM ${BUSYBOX}\nRUN --mount=type=cache,id=${word},target=/c dd if=/dev/zero of=/c/x bs=1M count=150; sleep 60; : ${word}`,
    )
    expect(verdict).toMatchObject({ ok: false, because: expect.stringContaining('wrote more than 64 MiB') })
    expect(await mountsOf(word)).toEqual([])
  })

  it('C7: in cache mounts is bounded over all builds: the least used go, and no other installation’s', async () => {
    const words = [1, 2, 3].map((n) => `kept${n}.${fresh()}`)
    for (const [at, word] of words.entries()) {
      const run = `RUN --mount=type=cache,id=${word},target=/c dd if=/dev/zero of=/c/x bs=1M count=20; : ${word}`
      const over = at === 0 ? { label: label({ instance: `${instance}-other`, stage: 'build' }) } : {}
      expect((await built(`FROM ${BUSYBOX}\n${run}`, over)).verdict.ok).toBe(true)
    }
    const [other = '', older = '', newer = ''] = words
    expect(await engine.pruneCaches(instance, { unusedMs: 3_600_000, mostBytes: 100 * MIB })).toBe(0)
    await engine.pruneCaches(instance, { unusedMs: 3_600_000, mostBytes: 30 * MIB })
    expect(await mountsOf(older)).toEqual([])
    expect(await mountsOf(newer)).toHaveLength(1)
    expect(await mountsOf(other)).toHaveLength(1)
    await engine.removeAll(`${instance}-other`)
    expect(await mountsOf(other)).toEqual([])
  })
})
