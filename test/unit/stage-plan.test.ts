import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Limits, ServiceOrder } from '../../pipelines/engines/engine'
import type { BranchKind } from '../../pipelines/gitflow'
import type { KnownRelease } from '../../pipelines/planned'
import { parseServiceFile } from '../../pipelines/service-file'
import { planStages, planVerification, StageDefinition, type StagePlan } from '../../pipelines/stage-plan'
import { renderTemplate } from '../../pipelines/templates/render'

function plan(
  kind: BranchKind | 'fork',
  rest: string,
  more: { knownRelease?: KnownRelease; bases?: { node: string } } = {},
) {
  const parsed = parseServiceFile(`service: hello\nversion: "1.0"\n${rest}`)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return planStages({ kind, service: parsed.service, image: 'hello:run-1', ...more })
}
const names = (stages: StagePlan[]) => stages.map((s) => s.name).join(' ')

const ALL = `build: { dockerfile: Dockerfile }
stages:
  static: { image: "node:22", run: [lint] }
  unit: { image: "node:22", run: [test] }
  api: { run: [api] }
  integration: { run: [integration] }
  component: { run: [component] }
  functional: { run: [functional] }
  stress: { run: [stress] }
`

describe('the stages of a push', () => {
  it('are those of its row in the flow, in order', () => {
    expect(names(plan('feature', ALL))).toBe('static')
    expect(names(plan('develop', ALL))).toBe('static build unit api integration')
    expect(names(plan('release', ALL))).toBe('static build unit component')
    expect(names(plan('master', ALL))).toBe('static build unit component')
    expect(names(plan('hotfix', ALL))).toBe('static build unit component')
  })

  it('are only those that the service file defines; develop always builds', () => {
    expect(names(plan('develop', 'build: { template: node }\nstages: { unit: { run: [a] } }\n'))).toBe('build unit')
    expect(names(plan('develop', 'build: { template: node }\n'))).toBe('build')
  })

  it('an optional stage runs where the service file says so', () => {
    const unit = (also: string) =>
      `stages:\n  static: { image: a, run: [lint] }\n  unit: { image: a, run: [test]${also} }\n`
    expect(names(plan('feature', unit('')))).toBe('static')
    expect(names(plan('feature', unit(', also_on: [feature]')))).toBe('static unit')
    expect(names(plan('feature', unit(', also_on: [develop]')))).toBe('static')
  })

  it('a stage on a feature branch that runs in the image gets a build before it, whose image goes nowhere', () => {
    const stages = plan(
      'feature',
      'build: { dockerfile: Dockerfile }\nstages:\n  static: { image: a, run: [lint] }\n  unit: { run: [test], also_on: [feature] }\n',
    )
    expect(names(stages)).toBe('static build unit')
    expect(stages[1]?.definition).toMatchObject({ kind: 'build' })
    expect(plan('develop', ALL)[1]?.definition).toMatchObject({ kind: 'build' })
  })

  it('a static stage without an image of its own comes after the build', () => {
    expect(
      names(
        plan('develop', 'build: { template: go }\nstages: { static: { run: [vet] }, unit: { image: a, run: [b] } }\n'),
      ),
    ).toBe('build static unit')
    expect(names(plan('feature', 'build: { template: go }\nstages: { static: { run: [vet] } }\n'))).toBe('build static')
  })

  it('nothing to do is one skipped stage with the reason', () => {
    const nothing = { kind: 'step', image: null, run: [], env: {} }
    for (const rest of ['build: { template: node }\n', 'stages: { unit: { run: [a] } }\n']) {
      expect(plan('feature', rest)).toEqual([
        {
          name: 'static',
          definition: expect.objectContaining(nothing),
          skip: 'a push to a feature branch runs static, and the service file defines no such stage',
        },
      ])
    }
  })
})

describe('a push to master', () => {
  const release = { id: 7, digest: 'sha256:a', run: 3 }

  it('adopts the release of the same tree that prerelease has verified, and runs nothing', () => {
    expect(plan('master', ALL, { knownRelease: { ...release, verified: true } })).toEqual([
      {
        name: 'build',
        definition: expect.objectContaining({ kind: 'build' }),
        skip: 'release #7 of the same tree (run #3) was verified in prerelease: it is adopted, and nothing runs again',
      },
    ])
  })

  it('of a tree that prerelease has not verified is tested like a release branch, without building it again', () => {
    const stages = plan('master', ALL, { knownRelease: { ...release, verified: false } })
    expect(names(stages)).toBe('static build unit component')
    expect(stages.map((s) => s.skip !== undefined)).toEqual([false, true, false, false])
  })

  it('alone adopts: on every other branch the stages run, whatever was verified', () => {
    for (const kind of ['develop', 'release', 'hotfix'] as const)
      expect(plan(kind, ALL, { knownRelease: { ...release, verified: true } }).filter((s) => s.skip)).toHaveLength(1)
  })
})

describe('a merge request from a fork', () => {
  it('gets its static checks and nothing else, whatever the service file asks for', () => {
    expect(names(plan('fork', ALL))).toBe('static')
    expect(names(plan('fork', ALL.replace('run: [test]', 'run: [test], also_on: [feature]')))).toBe('static')
  })

  it('finds no cache and leaves none', () => {
    const cached = 'stages: { static: { image: a, run: [lint], cache: [/root/.npm] } }\n'
    expect(plan('feature', cached)[0]?.definition).toMatchObject({ cache: ['/root/.npm'] })
    expect(plan('fork', cached)[0]?.definition).toMatchObject({ cache: [] })
  })

  it('has nothing built for it: the checks run in the image they name, or in that of the template', () => {
    const bare = 'stages: { static: { run: [lint] } }\n'
    expect(plan('fork', `build: { template: go }\n${bare}`)[0]?.definition).toMatchObject({ image: 'golang:1.25' })
    expect(plan('fork', `build: { template: node }\n${bare}`, { bases: { node: 'n:1' } })[0]?.definition).toMatchObject(
      {
        image: 'n:1',
      },
    )
    const because = 'nothing is built for a merge request from a fork: name an `image` for the static stage'
    expect(plan('fork', `build: { dockerfile: Dockerfile }\n${bare}`)).toEqual([
      { name: 'static', definition: { kind: 'refused', because }, refuse: because },
    ])
  })

  it('without static checks is one skipped stage with the reason', () => {
    expect(plan('fork', 'stages: { unit: { image: a, run: [b] } }\n')).toEqual([
      {
        name: 'static',
        definition: expect.objectContaining({ kind: 'step', run: [] }),
        skip: 'a merge request from a fork runs static, and the service file defines no such stage',
      },
    ])
  })
})

describe('the verification of a promotion', () => {
  const parsed = parseServiceFile(`service: hello\nversion: "1.0"\n${ALL}`)
  const service = parsed.ok ? parsed.service : null

  it('runs the stages that are asked for and defined, in their order', () => {
    if (!service) throw new Error('invalid')
    expect(names(planVerification(service, ['stress', 'functional']))).toBe('functional stress')
    expect(planVerification({ ...service, stages: {} }, ['functional'])).toEqual([])
    expect(planVerification(service, [])).toEqual([])
    expect(planVerification(service, ['build'])).toEqual([])
  })

  it("runs them as steps like any other, in the release's own image where they name none", () => {
    if (!service) throw new Error('invalid')
    expect(planVerification(service, ['functional'])[0]?.definition).toMatchObject({
      kind: 'step',
      image: null,
      run: ['functional'],
    })
  })
})

describe('a build', () => {
  it('is skipped where a release of the same tree is known; the tests still run', () => {
    const stages = plan('develop', ALL, {
      knownRelease: { id: 7, digest: 'sha256:a', run: 3, verified: false },
    })
    expect(names(stages)).toBe('static build unit api integration')
    expect(stages.map((s) => s.skip)).toEqual([
      undefined,
      'release #7 of the same tree was built by run #3',
      undefined,
      undefined,
      undefined,
    ])
  })

  it('is from the Dockerfile in the root where nothing else is known', () => {
    expect(plan('develop', '')[0]?.definition).toMatchObject({ dockerfile: { path: 'Dockerfile' } })
  })

  it('from a template holds the whole Dockerfile, on the base image that is configured', () => {
    const [stage] = plan('develop', 'build: { template: node }\n', { bases: { node: 'shiplock-demo/node:local' } })
    expect(stage?.definition).toEqual({
      kind: 'build',
      dockerfile: { text: renderTemplate('node', { BASE: 'shiplock-demo/node:local' }) },
      image: 'hello:run-1',
      limits: {
        timeMs: 1_200_000,
        graceMs: 10_000,
        memoryBytes: 2 * 1024 ** 3,
        cpus: 2,
        pids: 1024,
        diskBytes: 8 * 1024 ** 3,
      },
    })
    expect(plan('develop', 'build: { template: node }\n')[0]?.definition).toMatchObject({
      dockerfile: { text: renderTemplate('node', {}) },
    })
  })
})

describe('a step', () => {
  it('says where it runs, what, and how much it may use', () => {
    const [stage] = plan(
      'feature',
      'stages: { static: { image: "node:22", run: [a, b], workdir: web, env: { CI: 1 }, timeout: 30s, memory: 256m, cpus: 2 } }\n',
    )
    expect(stage).toEqual({
      name: 'static',
      definition: {
        kind: 'step',
        image: 'node:22',
        run: ['a', 'b'],
        workdir: 'web',
        env: { CI: '1' },
        limits: {
          timeMs: 30_000,
          graceMs: 10_000,
          memoryBytes: 256 * 1024 ** 2,
          cpus: 2,
          pids: 512,
          diskBytes: 4 * 1024 ** 3,
        },
        services: [],
        reports: [],
        artifacts: [],
        cache: [],
      },
    })
  })

  it('without an image runs in the image just built', () => {
    expect(plan('develop', ALL)[3]?.definition).toMatchObject({ kind: 'step', image: null, run: ['api'] })
  })

  it('says what stands beside it, what is read and kept of it, and what outlives it', () => {
    const [stage] = plan(
      'feature',
      `stages:
  static:
    image: a
    run: [b]
    services:
      db: { image: "postgres:17", env: { A: 1.10 }, healthcheck: { test: pg_isready, start_period: 2s } }
      cache: { image: "redis:8", command: [redis-server, --save, ""] }
    reports: ["reports/*.xml"]
    artifacts: ["dist/**", "{a,b}.log"]
    cache: [/root/.npm]
`,
    )
    expect(stage?.refuse).toBeUndefined()
    expect(stage?.definition).toMatchObject({
      services: [
        {
          name: 'db',
          image: 'postgres:17',
          env: { A: '1.10' },
          command: null,
          healthcheck: {
            test: ['CMD-SHELL', 'pg_isready'],
            interval: 1000,
            timeout: 5000,
            startPeriod: 2000,
            retries: 30,
          },
        },
        { name: 'cache', image: 'redis:8', env: {}, command: ['redis-server', '--save', ''], healthcheck: null },
      ],
      reports: ['reports/*.xml'],
      artifacts: ['dist/**', '{a,b}.log'],
      cache: ['/root/.npm'],
    })
  })
})

describe('a stage definition', () => {
  it('is read back from JSON as it was stored', () => {
    const beside =
      'build: { dockerfile: Dockerfile }\nstages: { integration: { run: [a], services: { db: { image: b, healthcheck: { test: c } } } } }\n'
    for (const kind of ['feature', 'develop', 'release', 'master', 'fork'] as const) {
      for (const { definition } of [...plan(kind, ALL), ...plan(kind, beside)]) {
        expect(StageDefinition.parse(JSON.parse(JSON.stringify(definition)))).toEqual(definition)
      }
    }
  })

  it('of an earlier version, which knew no services, reports, artifacts and caches, is read as having none', () => {
    const {
      services: _,
      reports: __,
      artifacts: ___,
      cache: ____,
      ...earlier
    } = Object(plan('feature', ALL)[0]?.definition)
    expect(StageDefinition.parse(earlier)).toEqual({ ...earlier, services: [], reports: [], artifacts: [], cache: [] })
  })

  it('of another shape is refused', () => {
    expect(StageDefinition.safeParse({ kind: 'step', run: [] }).success).toBe(false)
    expect(StageDefinition.safeParse({ kind: 'other' }).success).toBe(false)
  })

  it("carries the engine's own limits", () => {
    const definition = plan('develop', ALL)[0]?.definition
    const beside: readonly ServiceOrder[] = definition?.kind === 'step' ? definition.services : []
    expect(beside).toEqual([])
    const limits: Limits | undefined = definition?.kind === 'step' ? definition.limits : undefined
    expect(limits?.timeMs).toBe(600_000)
  })
})

describe('the sample service', () => {
  const parsed = parseServiceFile(readFileSync(new URL('../../demo/hello/.shiplock.yaml', import.meta.url), 'utf8'))
  it('has a valid service file, all of which this version carries', () => {
    expect(parsed).toMatchObject({
      ok: true,
      notes: [],
      service: { service: 'hello', deploy: { replicas: 2, ports: [8085] } },
    })
  })

  it('runs static and unit on a feature branch, and builds on develop', () => {
    if (!parsed.ok) throw new Error('invalid')
    const of = (kind: BranchKind) => names(planStages({ kind, service: parsed.service, image: 'hello:run-1' }))
    expect(of('feature')).toBe('static unit')
    expect(of('develop')).toMatch(/^static build unit api\b/)
  })
})
