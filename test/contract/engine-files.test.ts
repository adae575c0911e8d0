// What a step keeps between runs and what it leaves behind: StepOrder.caches and StepOrder.collect, against a real engine.
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Collected, CollectOrder, Engine, StepOrder } from '../../pipelines/engines/engine'
import { ENGINES } from '../../pipelines/engines/index'
import { ensureBusyboxBase } from '../../scripts/base-image.mjs'
import { BUSYBOX, build, commit, instance, keptLog, LIMITS, label, MIB, never, step } from './engine-orders'

const MOST: CollectOrder['most'] = { files: 100, fileBytes: MIB, bytes: 4 * MIB }

/** A place for what is collected, and the order that fills it. */
function basket(globs: string[], most: Partial<CollectOrder['most']> = {}) {
  const files: Collected[] = []
  const told: string[] = []
  let under = 0
  const collect: CollectOrder = {
    globs,
    most: { ...MOST, ...most },
    async take(file) {
      under += 1
      expect(under).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      files.push(file)
      under -= 1
    },
    leftOut: (because) => void told.push(because),
  }
  const texts = () => Object.fromEntries(files.map(({ path, bytes }) => [path, bytes.toString()]))
  return { collect, files, told, texts }
}

describe.each(Object.entries(ENGINES))('the engine %s', (_kind, make) => {
  let engine: Engine
  const docker = new Docker()
  const volumes = async () =>
    (await docker.listVolumes({ filters: { label: [`shiplock.instance=${instance}`] } } as object)).Volumes ?? []
  const run = async (commands: string | string[], over: Partial<StepOrder>) => {
    const { log, text } = keptLog()
    const verdict = await engine.run(step(commands, over), log, never())
    return { verdict, text: text() }
  }

  beforeAll(async () => {
    engine = make()
    await ensureBusyboxBase()
  })
  afterAll(async () => {
    await engine.removeAll(instance)
    expect(await volumes()).toEqual([])
  })

  describe('what a step leaves', () => {
    it('is taken out of /workspace by globs, also when a command failed', async () => {
      const { collect, texts, told } = basket(['reports/*.xml', './dist/**', 'coverage.txt', 'logs'])
      const write =
        'mkdir -p reports/deep dist/a/b logs; echo u >reports/unit.xml; echo d >reports/deep/no.xml; echo n >reports/no.txt; echo a >dist/a/b/c; echo .h >dist/.hidden; echo c >coverage.txt; echo l >logs/one; : >dist/empty'
      const { verdict } = await run([write, 'exit 5'], { files: commit({ 'a.txt': 'a' }), collect })
      expect(verdict).toMatchObject({ ok: false, exitCode: 5 })
      expect(texts()).toEqual({
        'reports/unit.xml': 'u\n',
        'dist/.hidden': '.h\n',
        'dist/a/b/c': 'a\n',
        'dist/empty': '',
        'coverage.txt': 'c\n',
        'logs/one': 'l\n',
      })
      expect(told).toEqual([])
    })

    it("is taken out of the image's own working directory, of a workdir, and of a volume of the image", async () => {
      const dockerfile = `FROM ${BUSYBOX}\nRUN mkdir -p /srv/app && ln -s /srv/app /app\nVOLUME /srv/app/kept\nWORKDIR /app\nUSER root`
      const built = await engine.build(build(dockerfile), () => {}, never())
      const image = built.ok ? built.digest : ''
      const own = basket(['**/*.xml'])
      await run('mkdir r; echo 1 >r/one.xml; echo 2 >kept/two.xml; echo 3 >three.xml', { image, collect: own.collect })
      expect(own.texts()).toEqual({ 'r/one.xml': '1\n', 'kept/two.xml': '2\n', 'three.xml': '3\n' })
      const below = basket(['*.xml', '../outside.xml', '/etc/passwd'])
      await run('echo in >in.xml; echo out >../outside.xml', {
        files: commit({ 'sub/a': '' }),
        workdir: 'sub',
        collect: below.collect,
      })
      expect(below.texts()).toEqual({ 'in.xml': 'in\n' })
      expect(below.told).toEqual(['left out ../outside.xml and 1 more: is not relative to the working directory'])
    })

    it('follows no symbolic link, neither of a file nor of a folder, and takes nothing but files', async () => {
      const { collect, texts } = basket(['etc/passwd', 'etc/*', 'links/**', 'deep/etc/group', '**/*.fifo'])
      const write =
        'ln -s /etc etc; mkdir links deep; ln -s /etc/passwd links/p; ln -s /etc deep/etc; ln -s /etc links/d; mkfifo links/a.fifo; echo real >links/real'
      await run(write, { files: commit({}), collect })
      expect(texts()).toEqual({ 'links/real': 'real\n' })
    })

    it('is nothing where there is no such folder, and that is no failure', async () => {
      const { collect, files, told } = basket(['reports/**/*.xml', 'file/below/*'])
      const { verdict } = await run('touch file', { files: commit({}), collect })
      expect(verdict).toMatchObject({ ok: true })
      expect([files, told]).toEqual([[], []])
    })

    it('is bounded by number, by size and in all, and what is left out is told once', async () => {
      const many = basket(['**'], { files: 3 })
      await run('for n in 1 2 3 4 5; do echo $n >f$n; done', { files: commit({}), collect: many.collect })
      expect(Object.keys(many.texts())).toEqual(['f1', 'f2', 'f3'])
      expect(many.told).toEqual(['left out f4 and 1 more: more than 3 files'])

      const big = basket(['**'], { fileBytes: MIB, bytes: 2.5 * MIB })
      const write = (name: string, kib: number) => `dd if=/dev/zero of=${name} bs=1024 count=${kib} 2>/dev/null`
      await run([write('a', 1024), write('b', 1025), write('c', 1024), write('d', 1024), write('e', 100)], {
        files: commit({}),
        collect: big.collect,
      })
      expect(Object.keys(big.texts())).toEqual(['a', 'c', 'e'])
      expect(big.told).toEqual(['left out b: over 1 MiB; left out d: more than 2.5 MiB in all'])
    })

    it('is whole, whatever its size and name', async () => {
      const { collect, files } = basket(['**/*.bin'], { fileBytes: 8 * MIB, bytes: 16 * MIB })
      const long = `${'long-'.repeat(30)}é`
      await run(`mkdir ${long}; yes 0123456789 | head -c 5000001 >${long}/x.bin`, { files: commit({}), collect })
      expect(files.map(({ path, bytes }) => [path, bytes.length])).toEqual([[`${long}/x.bin`, 5_000_001]])
      expect(files[0]?.bytes.toString()).toBe('0123456789\n'.repeat(500_000).slice(0, 5_000_001))
    })

    it('is there after a time limit, and is not asked for after a cancel', async () => {
      const late = basket(['*.txt'])
      const { verdict } = await run('echo late >late.txt; sleep 60', {
        files: commit({}),
        collect: late.collect,
        limits: { ...LIMITS, timeMs: 1_500 },
      })
      expect(verdict).toMatchObject({ ok: false, because: 'ran longer than 1.5 s' })
      expect(late.texts()).toEqual({ 'late.txt': 'late\n' })

      const canceled = basket(['*.txt'])
      const stop = new AbortController()
      const { log, saw } = keptLog()
      const order = step('echo x >x.txt; echo written; sleep 60', { files: commit({}), collect: canceled.collect })
      const running = engine.run(order, log, stop.signal)
      await saw('\nwritten')
      stop.abort()
      expect(await running).toMatchObject({ ok: false, because: 'canceled' })
      expect(canceled.files).toEqual([])
    })

    it('that cannot be kept is the fault of who keeps it, and the container is gone all the same', async () => {
      const { collect } = basket(['*'])
      const full = { ...collect, take: () => Promise.reject(new Error('no room')) }
      const order = step('echo x >x', { files: commit({}), collect: full })
      await expect(engine.run(order, () => {}, never())).rejects.toThrow('no room')
      expect(await engine.list(instance)).toEqual([])
    })
  })

  describe('caches', () => {
    const cache = { key: 'npm.p1.trusted', path: '/cache/npm' }

    it('are shared by the runs of one key, and by nobody of another key, project or user', async () => {
      const built = await engine.build(build(`FROM ${BUSYBOX}\nUSER node`), () => {}, never())
      const asNode = built.ok ? built.digest : ''
      expect((await run('echo kept >/cache/npm/a', { caches: [cache] })).verdict.ok).toBe(true)
      expect((await run('cat /cache/npm/a', { caches: [cache] })).text).toContain('\nkept\n')
      const elsewhere = { ...cache, path: '/else/where' }
      expect((await run('cat /else/where/a', { caches: [elsewhere] })).text).toContain('\nkept\n')
      const others: Partial<StepOrder>[] = [
        { caches: [{ ...cache, key: 'npm.p1.fork' }] },
        { caches: [cache], label: label({ project: 2 }) },
        { caches: [cache], label: label({ trust: 'release' }) },
        { caches: [cache], image: asNode },
      ]
      for (const over of others) {
        const { verdict, text } = await run(['test -z "$(ls -A /cache/npm)"', 'touch /cache/npm/mine'], over)
        expect([verdict.ok, text]).toEqual([true, expect.any(String)])
      }
    })

    it('are writable within the workspace too, whoever the user is, and by several steps at once', async () => {
      const built = await engine.build(build(`FROM ${BUSYBOX}\nUSER node`), () => {}, never())
      for (const image of [BUSYBOX, built.ok ? built.digest : '']) {
        const caches = [{ key: 'modules', path: '/workspace/node_modules' }]
        const files = commit({ 'package.json': '{}' })
        const runs = ['a', 'b', 'c', 'd'].map((name) =>
          run(`touch node_modules/${name} beside && ls`, { image, files, caches }),
        )
        for (const { verdict } of await Promise.all(runs)) expect(verdict).toMatchObject({ ok: true })
        const { text } = await run('ls node_modules', { image, files, caches })
        expect(text).toContain('a\nb\nc\nd\n')
      }
    })

    it('that cannot be mounted are a verdict', async () => {
      const because = async (key: string, path: string) =>
        (await run('true', { caches: [{ key, path }] })).verdict.because
      expect(await because('k', 'relative')).toContain('is not absolute')
      expect(await because('k', '/')).toContain('is not one that a step may hide')
      expect(await because('k', '/workspace/')).toContain('is not one that a step may hide')
      expect(await because('k', `/${'x'.repeat(120)}`)).toContain('longer than')
      expect(await because('No Key', '/x')).toContain('the cache key')
    })

    it('count for the disk only by what the step adds', async () => {
      const big = { key: 'big', path: '/big' }
      const limits = { ...LIMITS, diskBytes: 30 * MIB }
      const fill = (name: string) => `dd if=/dev/zero of=/big/${name} bs=1M count=20 2>/dev/null`
      expect((await run([fill('a'), 'sleep 3'], { caches: [big], limits })).verdict).toMatchObject({ ok: true })
      expect((await run([fill('b'), 'sleep 3'], { caches: [big], limits })).verdict).toMatchObject({ ok: true })
      const more =
        'n=0; while true; do n=$((n+1)); dd if=/dev/zero of=/big/c$n bs=1M count=5 2>/dev/null; sleep 0.3; done'
      expect((await run(more, { caches: [big], limits })).verdict).toMatchObject({ because: 'wrote more than 30 MiB' })
    })

    it('go when nothing has used them for long, or when they are too much: the least used first; never one in use', async () => {
      await engine.removeAll(instance)
      const at = (key: string) => [{ key, path: '/c' }]
      const fill = 'dd if=/dev/zero of=/c/fill bs=1M count=2 2>/dev/null'
      for (const key of ['one', 'two', 'three']) await run(fill, { caches: at(key) })
      await run('true', { caches: at('one') }) // used again: now the newest
      const keys = async () =>
        (await volumes()).flatMap(({ Labels }) => (Labels['shiplock.kind'] === 'cache' ? [Labels['shiplock.key']] : []))
      expect(await engine.pruneCaches(instance, { unusedMs: 3_600_000, mostBytes: 100 * MIB })).toBe(0)
      expect(await engine.pruneCaches(instance, { unusedMs: 3_600_000, mostBytes: 5 * MIB })).toBe(1)
      expect((await keys()).sort()).toEqual(['one', 'three'])

      const { log, saw } = keptLog()
      const stop = new AbortController()
      const using = engine.run(step('echo using; sleep 60', { caches: at('three') }), log, stop.signal)
      await saw('\nusing')
      expect(await engine.pruneCaches(`${instance}-other`, { unusedMs: 0, mostBytes: 0 })).toBe(0)
      expect(await engine.pruneCaches(instance, { unusedMs: 0, mostBytes: 0 })).toBe(1)
      expect(await keys()).toEqual(['three'])
      stop.abort()
      await using
      expect(await engine.pruneCaches(instance, { unusedMs: 0, mostBytes: 0 })).toBe(1)
      expect(await volumes()).toEqual([])
    })
  })
})
