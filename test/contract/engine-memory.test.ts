import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import { ensureBusyboxBase } from '../../scripts/base-image.mjs'
import { BUSYBOX, instance, LIMITS, MIB, never, step } from './engine-orders'

// C8: what a script swallows, the engine has counted.

const engine = dockerEngine()
const limits = { ...LIMITS, memoryBytes: 32 * MIB }
/** Holds more than that: `tail` keeps all that it reads. */
// The first to be chosen: the shell around it must live on.
const GREEDY = 'echo 1000 >/proc/self/oom_score_adj; yes | head -c 100000000 | tail -n 1000000000 >/dev/null'
const service = (command: string) => ({
  name: 'db',
  image: BUSYBOX,
  env: {},
  command: ['sh', '-c', command],
  healthcheck: {
    test: ['CMD-SHELL', 'test -e /tmp/ready'],
    interval: 100,
    timeout: 1_000,
    startPeriod: 0,
    retries: 200,
  },
})

beforeAll(async () => {
  await ensureBusyboxBase()
  await engine.ensureReady()
}, 30_000)
afterAll(() => engine.removeAll(instance))

describe('a process that is killed for memory', () => {
  it.each([
    ['that the command swallows', [`(${GREEDY}) || true`, 'echo done']],
    ['in the background', [`(${GREEDY}) & wait || true`]],
  ])('C8: %s is told on a step that succeeds', async (_what, run) => {
    const verdict = await engine.run(step(run, { limits }), () => {}, never())
    expect(verdict).toEqual({
      ok: true,
      exitCode: 0,
      because: 'every command exited with 0; a process in it was killed for using more than 32 MiB of memory',
    })
  })

  it('C8: is told of a service beside the step, whether the step succeeds or fails', async () => {
    const db = service(`(${GREEDY}) || true; touch /tmp/ready; sleep 60`)
    for (const [run, ok] of [
      ['true', true],
      ['exit 3', false],
    ] as const) {
      const verdict = await engine.run(step(run, { limits, services: [db] }), () => {}, never())
      expect(verdict).toMatchObject({
        ok,
        because: expect.stringContaining('service db: a process was killed for using more than 32 MiB'),
      })
    }
  })

  it('C8: nothing is told where nothing was killed', async () => {
    const db = service('touch /tmp/ready; sleep 60')
    const verdict = await engine.run(step('true', { limits, services: [db] }), () => {}, never())
    expect(verdict).toEqual({ ok: true, exitCode: 0, because: 'every command exited with 0' })
  })
})
