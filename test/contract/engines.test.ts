import { setTimeout as pause } from 'node:timers/promises'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dockerEngine } from '../../pipelines/engines/docker'
import type { Engine } from '../../pipelines/engines/engine'
import { ENGINES } from '../../pipelines/engines/index'
import { ensureBusyboxBase } from '../../scripts/base-image.mjs'
import {
  BUSYBOX,
  build,
  commit,
  eventually,
  growth,
  instance,
  keptLog,
  LIMITS,
  lastRun,
  MIB,
  never,
  processes,
  step,
} from './engine-orders'
import { canStartSecondDocker, secondDocker } from './second-docker'

describe.each(Object.entries(ENGINES))('the engine %s', (_kind, make) => {
  let engine: Engine
  const docker = new Docker()
  const containers = () => docker.listContainers({ all: true, filters: { label: [`shiplock.instance=${instance}`] } })

  beforeAll(async () => {
    engine = make()
    await ensureBusyboxBase()
    await engine.ensureReady()
  }, 30_000)

  afterAll(async () => {
    await engine.removeAll(instance)
    const images = await docker.listImages({ filters: { label: [`shiplock.instance=${instance}`] } })
    await Promise.all(images.map(({ Id }) => docker.getImage(Id).remove({ force: true })))
    expect(await containers()).toEqual([])
    expect(await docker.listNetworks({ filters: { label: [`shiplock.instance=${instance}`] } })).toEqual([])
  })

  describe('builds', () => {
    it('give the digest that the store knows, with the labels that were asked for', async () => {
      const { log, text } = keptLog()
      const order = build(`FROM ${BUSYBOX}\nCOPY . /app\nRUN echo into the log; echo and errors >&2; : ${instance}`)
      const verdict = await engine.build(order, log, never())
      const stored = await engine.image(order.image)
      expect(verdict).toMatchObject({ ok: true, digest: stored?.digest })
      expect(stored?.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
      await engine.tag(stored?.digest ?? '', `${instance}/app:released`)
      expect(await engine.image(`${instance}/app:released`)).toEqual(stored)
      await expect(engine.tag(`sha256:${'0'.repeat(64)}`, `${instance}/app:x`)).rejects.toMatchObject({
        code: 'image.missing',
      })
      expect(stored?.labels).toMatchObject({
        'org.opencontainers.image.revision': 'a1b2c3',
        'shiplock.instance': instance,
        'shiplock.run': String(order.label.run),
      })
      expect(text()).toMatch(/^#\d+ \[3\/3] RUN echo into the log/m)
      expect(text()).toMatch(/^#\d+ \d+\.\d{3} into the log$/m)
      expect(text()).toMatch(/^#\d+ \d+\.\d{3} and errors$/m)
    })

    it('that fail are a verdict, with the output of the failing step in the log', async () => {
      const { log, text } = keptLog()
      const verdict = await engine.build(
        build(`FROM ${BUSYBOX}\nRUN echo the reason; echo context canceled; exit 7`),
        log,
        never(),
      )
      expect(verdict).toMatchObject({ ok: false, exitCode: 7, because: expect.stringContaining('exit code: 7') })
      expect(text()).toContain('the reason')
    })

    it('take the Dockerfile of a template, and tell a commit that lacks one', async () => {
      const { log } = keptLog()
      const files = commit({ 'a.txt': 'hello' })
      const text = `FROM ${BUSYBOX}\nCOPY a.txt /\nRUN test "$(cat /a.txt)" = hello`
      expect(await engine.build(build('', { files, dockerfile: { text } }), log, never())).toMatchObject({ ok: true })
      expect(await engine.build(build('', { files }), log, never())).toMatchObject({
        ok: false,
        because: expect.stringContaining('no file Dockerfile'),
      })
    })

    it('name the base image that cannot be pulled', async () => {
      const verdict = await engine.build(build('FROM localhost:1/no/such:9'), () => {}, never())
      expect(verdict).toMatchObject({
        ok: false,
        because: expect.stringContaining('localhost:1/no/such:9 cannot be pulled'),
      })
    })

    it('refuse a foreign builder before anything is built', async () => {
      const { log, bytes } = keptLog()
      const verdict = await engine.build(build(`# syntax=evil.example/frontend\nFROM ${BUSYBOX}`), log, never())
      expect(verdict).toMatchObject({ ok: false, because: expect.stringContaining('evil.example/frontend') })
      expect(bytes()).toBe(0)
    })

    it('leave out what .dockerignore names, but for the Dockerfile itself', async () => {
      const files = commit({
        '.dockerignore': '# not these\nsecret*\n**/*.log\n!keep.log\nDockerfile\n',
        Dockerfile: `FROM ${BUSYBOX}\nCOPY . /app\nRUN cd /app && test "$(ls | tr '\\n' ' ')" = 'Dockerfile a.txt keep.log '`,
        'a.txt': 'a',
        'keep.log': 'kept',
        'noise.log': 'x',
        'secret.key': 'x',
      })
      expect(await engine.build(build('', { files }), () => {}, never())).toMatchObject({ ok: true })
    })

    it('that hang end at their time limit, and their process with them', async () => {
      const order = build(`FROM ${BUSYBOX}\nRUN sleep 98761`, { limits: { ...LIMITS, timeMs: 2_500 } })
      const verdict = await engine.build(order, () => {}, never())
      expect(verdict).toEqual({ ok: false, because: 'the build ran longer than 2.5 s', exitCode: null })
      expect(await eventually(async () => (await processes('98761')).length === 0, 5_000)).toBe(true)
    })

    it('that are canceled stop, also when the log hangs', async () => {
      const stop = new AbortController()
      const hanging = (chunk: Buffer) => {
        if (!chunk.includes('RUN sleep')) return
        stop.abort()
        return new Promise<void>(() => {})
      }
      const verdict = await engine.build(build(`FROM ${BUSYBOX}\nRUN sleep 98762`), hanging, stop.signal)
      expect(verdict).toEqual({ ok: false, because: 'canceled', exitCode: null })
      expect(await eventually(async () => (await processes('98762')).length === 0, 5_000)).toBe(true)
    })

    it('that print 200 MB stay within bounds', async () => {
      const { log, bytes } = keptLog()
      const order = build(`FROM ${BUSYBOX}\nRUN yes 0123456789 | head -c 200000000; : ${instance}`)
      const { result, grown } = await growth(() => engine.build(order, log, never()))
      expect(result.ok).toBe(true)
      expect(bytes()).toBeGreaterThan(100_000)
      expect(grown).toBeLessThan(100 * MIB)
    })

    it('take an image that a lost attempt of the same run has finished', async () => {
      const { log, text } = keptLog()
      const order = build(`FROM ${BUSYBOX}\nRUN date +%s%N >/when`)
      const first = await engine.build(order, () => {}, never())
      const again = await engine.build({ ...order, label: { ...order.label, epoch: 2 } }, log, never())
      expect(again).toMatchObject({ ok: true, digest: first.ok && first.digest })
      expect(text()).toContain('An earlier attempt of this run has built')
    })
  })

  describe('steps', () => {
    it('that exit with 0 succeed, with both streams in the log', async () => {
      const { log, text } = keptLog()
      const verdict = await engine.run(step(['echo to stdout', 'echo to stderr >&2']), log, never())
      expect(verdict).toMatchObject({ ok: true, exitCode: 0 })
      // The two streams come by two pipes: only within each is the order certain.
      const lines = text().split('\n')
      expect(lines.filter((line) => line !== 'to stderr')).toEqual([
        '$ echo to stdout',
        'to stdout',
        '$ echo to stderr >&2',
        '',
      ])
      expect(lines).toContain('to stderr')
    })

    it('that exit otherwise are a verdict that names the command, and the rest is not run', async () => {
      const { log, text } = keptLog()
      const verdict = await engine.run(step(['true', 'exit 3', 'echo too far']), log, never())
      expect(verdict).toEqual({ ok: false, because: '`exit 3` exited with 3', exitCode: 3 })
      expect(text()).not.toContain('too far')
    })

    it('find the files of the commit in /workspace, and may write there whoever they are', async () => {
      const order = build(`FROM ${BUSYBOX}\nUSER node`)
      const built = await engine.build(order, () => {}, never())
      const files = commit({ 'a.txt': 'content\n', 'deep/b.txt': 'below\n' })
      for (const image of [BUSYBOX, built.ok ? built.digest : '']) {
        const { log, text } = keptLog()
        const run = ['pwd; cat a.txt deep/b.txt; echo more >>a.txt; touch new']
        expect(await engine.run(step(run, { image, files }), log, never())).toMatchObject({ ok: true })
        expect(text()).toContain('/workspace\ncontent\nbelow\n')
      }
    })

    it('have no privileges, no engine socket and a name of their own', async () => {
      const { log, text } = keptLog()
      await engine.run(
        step('grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status; ls /var/run/docker.sock; ulimit -n'),
        log,
        never(),
      )
      expect(text()).toMatch(/CapBnd:\s+0{16}/)
      expect(text()).toMatch(/CapEff:\s+0{16}/)
      expect(text()).toMatch(/NoNewPrivs:\s+1/)
      expect(text()).toContain('No such file or directory')
      expect(text()).toContain('\n4096\n')
    })

    it('do not reach one another', async () => {
      const address = keptLog()
      const listener = engine.run(
        step('hostname -i; echo ready; nc -l -p 7000 -w 20', { env: {} }),
        address.log,
        never(),
      )
      await address.saw('ready')
      const ip = address.text().match(/\d+\.\d+\.\d+\.\d+/)?.[0]
      const verdict = await engine.run(step(`nc -w 1 ${ip} 7000 </dev/null`), () => {}, never())
      expect(verdict.ok).toBe(false)
      await engine.cleanUp({ instance, run: lastRun() - 1 })
      expect((await listener).ok).toBe(false)
    })

    it('that run a fork bomb hit their limit, and the engine answers meanwhile', async () => {
      const { log, saw } = keptLog()
      const order = step('bomb() { bomb | bomb & }; echo lit; bomb; sleep 60', { limits: { ...LIMITS, timeMs: 3_000 } })
      const running = engine.run(order, log, never())
      await saw('lit')
      const asked = performance.now()
      await engine.ensureReady()
      expect(performance.now() - asked).toBeLessThan(1_500)
      expect((await running).ok).toBe(false)
    })

    it('that fill the disk are stopped', async () => {
      const fill = 'n=0; while true; do n=$((n+1)); dd if=/dev/zero of=/f$n bs=1M count=10 2>/dev/null; sleep 0.1; done'
      const order = step(fill, { limits: { ...LIMITS, diskBytes: 40 * MIB } })
      expect(await engine.run(order, () => {}, never())).toMatchObject({ ok: false, because: 'wrote more than 40 MiB' })
      const big = step('dd if=/dev/zero of=/big bs=1M count=60', { limits: order.limits })
      const verdict = await engine.run(big, () => {}, never())
      expect(verdict).toMatchObject({
        ok: false,
        because: expect.stringMatching(/^wrote more than 40 MiB into one file/),
      })
    })

    it('that fill a volume of their image are stopped too', async () => {
      const built = await engine.build(build(`FROM ${BUSYBOX}\nVOLUME /data`), () => {}, never())
      const fill =
        'n=0; while true; do n=$((n+1)); dd if=/dev/zero of=/data/$n bs=1M count=10 2>/dev/null; sleep 0.1; done'
      const order = step(fill, { image: built.ok ? built.digest : '', limits: { ...LIMITS, diskBytes: 40 * MIB } })
      expect(await engine.run(order, () => {}, never())).toMatchObject({ ok: false, because: 'wrote more than 40 MiB' })
    })

    it('that ignore SIGTERM are killed at their time limit', async () => {
      const order = step(`trap '' TERM; while true; do sleep 1; done`, { limits: { ...LIMITS, timeMs: 1_000 } })
      expect(await engine.run(order, () => {}, never())).toEqual({
        ok: false,
        because: 'ran longer than 1 s',
        exitCode: 137,
      })
    })

    it('may end in their own time after SIGTERM, and are no success for it', async () => {
      const { log, text } = keptLog()
      const order = step(`trap 'echo tidied up; exit 0' TERM; while true; do sleep 0.1; done`, {
        limits: { ...LIMITS, timeMs: 1_000, graceMs: 10_000 },
      })
      expect(await engine.run(order, log, never())).toEqual({
        ok: false,
        because: 'ran longer than 1 s',
        exitCode: 143,
      })
      expect(text()).toContain('tidied up')
    })

    it('that take too much memory are told so', async () => {
      const order = step('tail /dev/zero', { limits: { ...LIMITS, memoryBytes: 32 * MIB } })
      expect(await engine.run(order, () => {}, never())).toMatchObject({
        ok: false,
        because: expect.stringMatching(/^used more than 32 MiB of memory: /),
      })
    })

    it('that are canceled stop, and start nothing afterwards', async () => {
      const stop = new AbortController()
      const { log, saw } = keptLog()
      const running = engine.run(step(['echo started; sleep 98763', 'echo next']), log, stop.signal)
      await saw('started')
      stop.abort()
      expect(await running).toMatchObject({ ok: false, because: 'canceled' })
      expect(await processes('98763')).toEqual([])
      expect(await engine.run(step('true'), log, stop.signal)).toMatchObject({ ok: false, because: 'canceled' })
    })

    it('that are canceled at any moment leave nothing behind', async () => {
      const verdicts = await Promise.all(
        [0, 20, 60, 120, 200, 320].map(async (afterMs) => {
          const stop = new AbortController()
          const running = engine.run(step('sleep 98764'), () => {}, stop.signal)
          await pause(afterMs)
          stop.abort()
          return running
        }),
      )
      expect(verdicts.map((verdict) => verdict.because)).toEqual(verdicts.map(() => 'canceled'))
      expect(await containers()).toEqual([])
      expect(await processes('98764')).toEqual([])
    })

    it('that are killed or removed from outside have failed', async () => {
      for (const act of ['kill', 'remove'] as const) {
        const { log, saw } = keptLog()
        const running = engine.run(step('echo up; sleep 98765'), log, never())
        await saw('up')
        const [found] = await containers()
        await docker.getContainer(found?.Id ?? '')[act]({ force: true })
        expect(await running).toMatchObject({ ok: false, because: expect.stringContaining('from outside') })
      }
    })

    it('that print 500 MB into a slow log keep memory flat', async () => {
      let bytes = 0
      let calls = 0
      const slow = async (chunk: Buffer) => {
        bytes += chunk.length
        calls += 1
        if (calls % 16 === 0) await pause(1)
      }
      const order = step('yes 0123456789abcdef | head -c 500000000', { limits: { ...LIMITS, timeMs: 60_000 } })
      const { result, grown } = await growth(() => engine.run(order, slow, never()))
      expect(result).toMatchObject({ ok: true })
      expect(bytes).toBeGreaterThanOrEqual(500_000_000)
      expect(grown).toBeLessThan(100 * MIB)
    }, 60_000)

    it('whose image is nowhere are a verdict that names it; a digest that left the store is a fault', async () => {
      const verdict = await engine.run(step('true', { image: 'localhost:1/no/such:9' }), () => {}, never())
      expect(verdict).toMatchObject({
        ok: false,
        because: expect.stringContaining('localhost:1/no/such:9 cannot be pulled'),
      })
      const gone = engine.run(step('true', { image: `sha256:${'0'.repeat(64)}` }), () => {}, never())
      await expect(gone).rejects.toMatchObject({ code: 'image.missing' })
    })

    it('whose image has no shell say so', async () => {
      const files = commit({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: 'a' })
      const built = await engine.build(build('', { files }), () => {}, never())
      const verdict = await engine.run(step('true', { image: built.ok ? built.digest : '' }), () => {}, never())
      expect(verdict).toMatchObject({ ok: false, because: expect.stringContaining('has the image a /bin/sh?') })
    })

    it('have left no container behind', async () => {
      expect(await containers()).toEqual([])
      expect(await engine.list(instance)).toEqual([])
    })
  })

  describe('attempts', () => {
    it('remove the lost one before them, and an outdated one is refused', async () => {
      const { log, saw } = keptLog()
      const first = step('echo first; sleep 98766')
      const lost = engine.run(first, log, never())
      await saw('first')
      expect(await engine.list(instance)).toMatchObject([{ run: first.label.run, stage: 'unit', epoch: 1 }])
      const second = keptLog()
      const newer = engine.run(
        { ...first, label: { ...first.label, epoch: 2 }, run: ['echo second; sleep 98767'] },
        second.log,
        never(),
      )
      expect((await lost).ok).toBe(false)
      await second.saw('second')
      await expect(engine.run(first, log, never())).rejects.toMatchObject({ code: 'engine.refused' })
      await engine.cleanUp({ instance, run: first.label.run, stage: 'unit', upToEpoch: 1 })
      expect(await engine.list(instance)).toHaveLength(1)
      await engine.cleanUp({ instance, run: first.label.run })
      expect((await newer).ok).toBe(false)
    })

    it('may be cleaned up twice, and a stranger is left alone', async () => {
      const stranger = await docker.createContainer({ Image: BUSYBOX, Labels: { 'shiplock.instance': instance } })
      await expect(engine.remove(stranger.id)).rejects.toMatchObject({ code: 'engine.refused' })
      await engine.cleanUp({ instance, run: 1 })
      await engine.cleanUp({ instance, run: 1 })
      await engine.removeAll(instance)
      await engine.removeAll(instance)
      await engine.remove('f'.repeat(64))
      expect(await containers()).toHaveLength(1)
      await stranger.remove({ force: true })
    })

    it('of two workers at once make one network between them', async () => {
      await engine.removeAll(instance)
      const workers = Array.from({ length: 4 }, () => make())
      const verdicts = await Promise.all(workers.map((worker) => worker.run(step('true'), () => {}, never())))
      expect(verdicts.every(({ ok }) => ok)).toBe(true)
      const networks = await docker.listNetworks({ filters: { label: [`shiplock.instance=${instance}`] } })
      expect(networks).toHaveLength(1)
      await make().removeAll(instance)
      // This engine still believes in the network that another worker has just removed.
      expect(await workers[0]?.run(step('true'), () => {}, never())).toMatchObject({ ok: true })
    })
  })
})

describe('an engine that is lost', () => {
  it('is a fault that says where nobody answered', async () => {
    const engine = ENGINES.docker({ socketPath: '/nowhere/docker.sock' })
    await expect(engine.ensureReady()).rejects.toMatchObject({
      code: 'engine.unreachable',
      message: expect.stringContaining('/nowhere/docker.sock'),
    })
  })

  it.skipIf(!canStartSecondDocker)(
    'in the middle of a step and of a build is a fault, and the next attempt works',
    async () => {
      const second = await secondDocker()
      try {
        await ensureBusyboxBase(second)
        const [inStep, inBuild] = [keptLog(), keptLog()]
        const lostStep = step('echo running; sleep 98768')
        const outcomes = Promise.allSettled([
          second.engine.run(lostStep, inStep.log, never()),
          second.engine.build(build(`FROM ${BUSYBOX}\nRUN echo building; sleep 98769`), inBuild.log, never()),
        ])
        await Promise.all([inStep.saw('\nrunning'), inBuild.saw('building\n')])
        await second.kill()
        for (const outcome of await outcomes) {
          expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'engine.unreachable' } })
        }
        await second.start()
        const again = { ...lostStep, label: { ...lostStep.label, epoch: 2 }, run: ['true'] }
        expect(await second.engine.run(again, () => {}, never())).toMatchObject({ ok: true })
        expect(await second.engine.list(instance)).toEqual([])
        await second.engine.removeAll(instance)
      } finally {
        await second.remove()
      }
    },
    40_000,
  )
})

describe('the name of a base image', () => {
  it('stands for the image that the store has under it', async () => {
    const engine = dockerEngine()
    expect(await engine.baseDigest(BUSYBOX)).toBe((await engine.image(BUSYBOX))?.digest)
  })
  it('stands for its own digest where it names one', async () => {
    const digest = `sha256:${'a'.repeat(64)}`
    expect(await dockerEngine().baseDigest(`registry.example.invalid/x@${digest}`)).toBe(digest)
  })
  it('stands for nothing known where no registry answers', async () => {
    expect(await dockerEngine().baseDigest('registry.example.invalid/nobody/here:1')).toBeNull()
  })
})
