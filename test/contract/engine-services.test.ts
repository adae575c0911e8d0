// Services beside a step: the promises of StepOrder.services and StepOrder.network, kept against a real engine.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Docker from 'dockerode'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, ServiceOrder } from '../../pipelines/engines/engine'
import { ENGINES } from '../../pipelines/engines/index'
import { ensureBusyboxBase, ensureNodeBase } from '../../scripts/base-image.mjs'
import {
  BUSYBOX,
  build,
  eventually,
  instance,
  keptLog,
  LIMITS,
  label,
  MIB,
  never,
  step as orderOf,
} from './engine-orders'

/** A database as busybox can be one: it says a word to whoever asks at its port, and its healthcheck asks. */
const database = (over: Partial<ServiceOrder> & { word?: string } = {}): ServiceOrder => {
  const { word = 'rows', ...rest } = over
  return {
    name: 'db',
    image: BUSYBOX,
    env: { WORD: word },
    command: ['/bin/sh', '-c', 'mkdir /www; echo "$WORD" >/www/index.html; echo opening; httpd -f -v -p 5432 -h /www'],
    healthcheck: {
      test: ['CMD-SHELL', 'netstat -ltn | grep :5432'],
      interval: 100,
      timeout: 2_000,
      startPeriod: 0,
      retries: 30,
    },
    ...rest,
  }
}
/** Steps that ask are of the Node image: a static busybox resolves no names. */
const NODE = 'shiplock-demo/node:local'
const ask = (host: string, port = 5432, path = '') =>
  `node -e "fetch('http://${host}:${port}/${path}').then((answer) => answer.text()).then((text) => process.stdout.write(text))"`
const ASK = ask('db')
const step: typeof orderOf = (run, over) => orderOf(run, { image: NODE, ...over })

describe.each(Object.entries(ENGINES))('the engine %s', (_kind, make) => {
  let engine: Engine
  const docker = new Docker()
  const filters = { label: [`shiplock.instance=${instance}`] }
  const containers = () => docker.listContainers({ all: true, filters })
  const ownNetworks = () => docker.listNetworks({ filters: { label: [...filters.label, 'shiplock.kind=service'] } })
  const nothingIsLeft = async () => {
    expect(await containers()).toEqual([])
    expect(await ownNetworks()).toEqual([])
    expect(await engine.list(instance)).toEqual([])
  }

  beforeAll(async () => {
    engine = make()
    await ensureBusyboxBase()
    await ensureNodeBase()
  })
  afterEach(nothingIsLeft)
  afterAll(() => engine.removeAll(instance))

  describe('services', () => {
    it('are reached by the step under their names, and by one another, once they are healthy', async () => {
      const { log, text } = keptLog()
      const cache = database({
        name: 'cache',
        image: NODE,
        word: 'words',
        command: ['/bin/sh', '-c', `mkdir /www; sleep 1; ${ASK} >/www/index.html; httpd -f -p 5432 -h /www`],
      })
      const order = step([ASK, ask('cache')], { services: [database(), cache] })
      expect(await engine.run(order, log, never())).toMatchObject({ ok: true })
      expect(text()).toBe(`$ ${ASK}\nrows\n$ ${ask('cache')}\nrows\n`)
    })

    it('find the world outside as any step does, and the step its files', async () => {
      const { log, text } = keptLog()
      const order = step(['ip route | grep -c default; hostname -i | wc -w'], { services: [database()] })
      expect(await engine.run(order, log, never())).toMatchObject({ ok: true })
      expect(text()).toMatch(/\n1\n1\n$/)
    })

    it('of the same name beside two steps at once do not meet', async () => {
      const words = ['first', 'second']
      const runs = words.map(async (word) => {
        const { log, text } = keptLog()
        const run = [`for i in 1 2 3 4; do ${ASK} || exit 1; done`]
        const verdict = await engine.run(step(run, { services: [database({ word })] }), log, never())
        expect(verdict).toMatchObject({ ok: true })
        return new Set(
          text()
            .split('\n')
            .filter((line) => !line.startsWith('$') && line !== ''),
        )
      })
      expect(await Promise.all(runs)).toEqual(words.map((word) => new Set([word])))
    })

    it('are not reached by the step of another run, nor is that step by them', async () => {
      const mine = keptLog()
      const done = new AbortController()
      const running = engine.run(
        step(`echo "db is at $(nslookup db | sed -n '/^Name/,$ s/^Address: //p')"; hostname -i; echo there; sleep 60`, {
          services: [database()],
        }),
        mine.log,
        done.signal,
      )
      await mine.saw('there\n')
      const [db, own] = mine.text().match(/\d+\.\d+\.\d+\.\d+/g) ?? []
      expect(db).toBeDefined()
      for (const services of [[], [database({ name: 'other' })]]) {
        const asks = [`! nslookup db`, `! wget -T 2 -qO- http://${db}:5432/`, `! ping -c 1 -W 1 ${own}`]
        expect(await engine.run(step(asks, { services }), () => {}, never())).toMatchObject({ ok: true })
      }
      done.abort()
      await running
    })

    it('that never get healthy fail the step with their last words, and the step is not run', async () => {
      const { log, text } = keptLog()
      const sick = database({
        healthcheck: {
          test: ['CMD-SHELL', 'echo no such table; exit 1'],
          interval: 50,
          timeout: 1_000,
          startPeriod: 0,
          retries: 2,
        },
      })
      const verdict = await engine.run(step('echo ran', { services: [sick] }), log, never())
      expect(verdict).toEqual({
        ok: false,
        because: 'service db: is unhealthy (its health check said: no such table). Its last words:\nopening',
        exitCode: null,
      })
      expect(text()).toBe('[db] opening\n')
    })

    it('that are still starting when the time is up are said to be', async () => {
      const slow = database({
        healthcheck: { test: ['CMD', 'false'], interval: 100, timeout: 1_000, startPeriod: 60_000, retries: 1 },
      })
      const verdict = await engine.run(
        step('true', { services: [slow], limits: { ...LIMITS, timeMs: 12_000 } }),
        () => {},
        never(),
      )
      expect(verdict).toMatchObject({
        ok: false,
        because: expect.stringMatching(/^service db: was not healthy within 12 s/),
      })
    })

    it('that exit fail the step with their code and words, free of control characters', async () => {
      const dying = database({ command: ['/bin/sh', '-c', 'printf "no \\033[31mdisk\\033[0m\\000!\\n" >&2; exit 3'] })
      const verdict = await engine.run(
        step('true', { services: [database({ name: 'fine' }), dying] }),
        () => {},
        never(),
      )
      expect(verdict).toMatchObject({
        ok: false,
        because: 'service db: exited with 3 before the step. Its last words:\nno disk!',
      })
    })

    it('that cannot start, or whose image is nowhere, are named', async () => {
      const because = async (over: Partial<ServiceOrder>) => {
        const verdict = await engine.run(step('true', { services: [database(over)] }), () => {}, never())
        expect(verdict.ok).toBe(false)
        return verdict.because
      }
      expect(await because({ command: ['/no/such'] })).toMatch(/^service db: exited with 127 .*No such file/s)
      expect(await because({ image: 'localhost:1/no/such:9' })).toMatch(
        /^service db: the image localhost:1\/no\/such:9 cannot be pulled/,
      )
    })

    it('follow their image where the order says nothing: its healthcheck, or that it runs', async () => {
      const built = await engine.build(
        build(
          `FROM ${BUSYBOX}\nRUN mkdir /www && echo own >/www/index.html\nHEALTHCHECK --interval=100ms --retries=100 CMD test -f /tmp/ready\nCMD sleep 1; touch /tmp/ready; httpd -f -p 5432 -h /www`,
        ),
        () => {},
        never(),
      )
      const image = built.ok ? built.digest : ''
      const own = database({ image, command: null, healthcheck: null })
      expect(await engine.run(step(`test "$(${ASK})" = own`, { services: [own] }), () => {}, never())).toMatchObject({
        ok: true,
      })
      const plain = database({ healthcheck: null })
      expect(await engine.run(step(ASK, { services: [plain] }), () => {}, never())).toMatchObject({ ok: true })
    })

    it("tell the step's log their last lines when the step fails, within bounds, and nothing when it succeeds", async () => {
      const talker = database({
        command: [
          '/bin/sh',
          '-c',
          'yes "a long line of a talkative database" | head -n 20000; mkdir /www; echo x >/www/index.html; httpd -f -p 5432 -h /www',
        ],
      })
      const { log, text } = keptLog()
      expect(await engine.run(step([ASK, 'exit 4'], { services: [talker] }), log, never())).toMatchObject({
        ok: false,
        because: '`exit 4` exited with 4',
      })
      const told = text()
        .split('\n')
        .filter((line) => line.startsWith('[db] '))
      expect(told.length).toBeGreaterThan(100)
      expect(told.length).toBeLessThanOrEqual(201)
      const quiet = keptLog()
      expect(await engine.run(step(ASK, { services: [database()] }), quiet.log, never())).toMatchObject({ ok: true })
      expect(quiet.text()).not.toContain('[db]')
    })

    it('may start as root and step down to a user of their own, and can do nothing else', async () => {
      const { log, text } = keptLog()
      // What the entrypoints of the official database images do.
      const entrypoint = `set -e
        mkdir -p /var/lib/data; chmod 00700 /var/lib/data; find /var/lib/data ! -user node -exec chown node {} +
        grep -E '^(CapBnd|CapEff|NoNewPrivs)' /proc/self/status >/var/lib/status && chown node /var/lib/status
        mkdir /www && cp /var/lib/status /www/status && chown -R node:node /www
        exec su node -c 'id -un >/www/index.html; touch /var/lib/data/base; exec httpd -f -p 5432 -h /www'`
      const postgres = database({ command: ['/bin/sh', '-c', entrypoint] })
      const verdict = await engine.run(step([ASK, ask('db', 5432, 'status')], { services: [postgres] }), log, never())
      expect(verdict).toMatchObject({ ok: true })
      expect(text()).toContain('\nnode\n')
      // CHOWN 0, SETGID 6, SETUID 7
      expect(text()).toMatch(/CapBnd:\s+00000000000000c1\n/)
      expect(text()).toMatch(/NoNewPrivs:\s+1\n/)
    })

    it('are bounded and labelled like the step', async () => {
      const { log, saw } = keptLog()
      const order = step('echo there; sleep 60', { services: [database()] })
      const running = engine.run(order, log, never())
      await saw('there\n')
      const found = await containers()
      const db = found.find(({ Labels }) => Labels['shiplock.kind'] === 'service')
      expect(db?.Labels).toMatchObject({
        'shiplock.project': '1',
        'shiplock.trust': 'develop',
        'shiplock.run': String(order.label.run),
        'shiplock.stage': 'unit',
        'shiplock.epoch': '1',
      })
      const { HostConfig } = await docker.getContainer(db?.Id ?? '').inspect()
      expect(HostConfig).toMatchObject({
        Privileged: false,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        Memory: LIMITS.memoryBytes,
        MemorySwap: LIMITS.memoryBytes,
        PidsLimit: LIMITS.pids,
        NanoCpus: 1e9,
        Binds: [],
        PortBindings: {},
      })
      expect((await engine.list(instance)).length).toBe(3) // the step, the service, their network
      await engine.cleanUp({ instance, run: order.label.run, stage: 'unit', upToEpoch: 1 })
      expect((await running).ok).toBe(false)
    })

    it('that fill the disk stop the step', async () => {
      const filling = database({
        command: [
          '/bin/sh',
          '-c',
          'mkdir /www; echo x >/www/index.html; httpd -p 5432 -h /www; n=0; while true; do n=$((n+1)); dd if=/dev/zero of=/f$n bs=1M count=10; sleep 0.1; done',
        ],
      })
      const order = step('sleep 60', { services: [filling], limits: { ...LIMITS, diskBytes: 40 * MIB } })
      expect(await engine.run(order, () => {}, never())).toMatchObject({ ok: false, because: 'wrote more than 40 MiB' })
    })

    it('leave nothing when the step is canceled at any moment', async () => {
      const verdicts = await Promise.all(
        [0, 50, 150, 300, 600, 1_200].map(async (afterMs) => {
          const stop = new AbortController()
          const slow = database({
            healthcheck: { test: ['CMD', 'false'], interval: 100, timeout: 1_000, startPeriod: 60_000, retries: 1 },
          })
          const running = engine.run(step('sleep 60', { services: [slow] }), () => {}, stop.signal)
          setTimeout(() => stop.abort(), afterMs)
          return running
        }),
      )
      expect(verdicts.map(({ because }) => because)).toEqual(verdicts.map(() => 'canceled'))
    })

    it('that a dead worker left go with the next attempt, one by one as orphans, or all at once', async () => {
      const index = fileURLToPath(new URL('../../pipelines/engines/index.ts', import.meta.url))
      const lose = async () => {
        const order = step('sleep 60', { services: [database()] })
        const program = `import(${JSON.stringify(index)}).then(({ ENGINES }) =>
          ENGINES.docker().run(${JSON.stringify(order)}, () => {}, new AbortController().signal))`
        const worker = spawn(process.execPath, ['--import', 'tsx', '-e', program], { stdio: 'ignore' })
        const isStep = ({ Labels, State }: Docker.ContainerInfo) =>
          Labels['shiplock.kind'] === 'step' &&
          State === 'running' &&
          Labels['shiplock.run'] === String(order.label.run)
        expect(await eventually(async () => (await containers()).some(isStep), 20_000)).toBe(true)
        worker.kill('SIGKILL')
        await once(worker, 'exit')
        return order
      }
      const first = await lose()
      const next = { ...first, label: { ...first.label, epoch: 2 }, run: [ASK] }
      expect(await engine.run(next, () => {}, never())).toMatchObject({ ok: true })
      await nothingIsLeft()

      await lose()
      for (const { id } of await engine.list(instance)) await engine.remove(id)
      await nothingIsLeft()

      await lose()
      await engine.removeAll(instance)
    })

    it('have a network that goes as an orphan even while a stranger is on it', async () => {
      const { log, saw } = keptLog()
      const order = step('echo there; sleep 60', { services: [database()] })
      const running = engine.run(order, log, never())
      await saw('there\n')
      const network = (await ownNetworks())[0]?.Id ?? ''
      await engine.remove(network)
      expect(await ownNetworks()).toEqual([])
      await engine.cleanUp({ instance, run: order.label.run })
      expect((await running).ok).toBe(false)
    })
  })

  describe('one more network', () => {
    it('lets the step reach what is deployed there, beside its own services', async () => {
      const network = await docker.createNetwork({ Name: `${instance}-place` })
      const deployed = await docker.createContainer({
        Image: BUSYBOX,
        Cmd: ['/bin/sh', '-c', 'mkdir /www; echo deployed >/www/index.html; exec httpd -f -p 8085 -h /www'],
        HostConfig: { NetworkMode: `${instance}-place` },
        NetworkingConfig: { EndpointsConfig: { [`${instance}-place`]: { Aliases: ['hello'] } } },
      })
      try {
        await deployed.start()
        const asks = `for i in 1 2 3 4 5; do ${ask('hello', 8085)} && exit 0; sleep 0.2; done; exit 1`
        for (const services of [[], [database()]]) {
          const { log, text } = keptLog()
          const order = step([asks, ...services.map(() => ASK)], { network: `${instance}-place`, services })
          expect(await engine.run(order, log, never())).toMatchObject({ ok: true })
          expect(text()).toContain('\ndeployed\n')
        }
        expect((await engine.run(step('nslookup hello'), () => {}, never())).ok).toBe(false)
      } finally {
        await deployed.remove({ force: true })
        await network.remove()
      }
    })

    it('that is gone is a verdict', async () => {
      const order = step('true', { label: label({ stage: 'p7-functional' }), network: `${instance}-gone` })
      expect(await engine.run(order, () => {}, never())).toMatchObject({
        ok: false,
        because: expect.stringContaining(`has no network ${instance}-gone`),
      })
    })
  })
})
