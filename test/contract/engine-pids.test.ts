import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import { killedInBuild, missedInBuild } from '../../pipelines/engines/docker-build-bound'
import { ensureBusyboxBase } from '../../scripts/base-image.mjs'
import { BUSYBOX, build, instance, LIMITS, never, step } from './engine-orders'

// C7: the limit that was reached is named. The kernel's count is on the engine's own machine.

const engine = dockerEngine()
const limits = { ...LIMITS, pids: 24 }
const BOMB = 'for n in $(seq 60); do sleep 5 & done'

beforeAll(async () => {
  await ensureBusyboxBase()
  await engine.ensureReady()
}, 30_000)
afterAll(() => engine.removeAll(instance))

// Limits of a build are put in force by root alone; elsewhere the build says that they are not (engine-limits).
describe.skipIf(process.getuid?.() !== 0)('the limit on processes (as root)', () => {
  const said = expect.stringMatching(/it reached its limit of 24 processes/)

  it('C7: is named by a build that reached it, whether it fails or not', async () => {
    const unique = `: ${process.pid}.${Date.now()}`
    const order = (text: string) => build(`FROM ${BUSYBOX}\nRUN ${text}; ${unique}`, { limits })
    expect(await engine.build(order(`sleep 1; ${BOMB}; exit 3`), () => {}, never())).toMatchObject({
      ok: false,
      because: said,
    })
    expect(await engine.build(order(`sleep 1; (${BOMB}); true`), () => {}, never())).toMatchObject({
      ok: true,
      because: said,
    })
  })

  it('C7: is named by a step that reached it, whether it fails or not, and by no other', async () => {
    const run = (text: string) => engine.run(step(text, { limits }), () => {}, never())
    expect(await run(`sleep 1; (${BOMB}); exit 3`)).toMatchObject({ ok: false, because: said })
    expect(await run(`sleep 1; (${BOMB}) || true`)).toMatchObject({ ok: true, because: said })
    expect(await run('sleep 1 & wait')).toMatchObject({ ok: true, because: 'every command exited with 0' })
  })
})

describe('what is said of limits', () => {
  it('C7: speaks of one process, and of more', () => {
    expect(killedInBuild(1, 2 ** 31)).toBe('1 of its processes was killed for using more than 2 GiB of memory')
    expect(killedInBuild(2, 2 ** 31)).toBe('2 of its processes were killed for using more than 2 GiB of memory')
  })

  it('C7: says how long a command can have been without limits', () => {
    expect(missedInBuild({ count: 0, ms: 0 })).toBeNull()
    expect(missedInBuild({ count: 1, ms: 31 })).toBe('1 of its commands ended within 0.1 s, before it was limited')
    expect(missedInBuild({ count: 2, ms: 1_210 })).toBe(
      '2 of its commands ended within 1.3 s, before they were limited',
    )
  })
})
