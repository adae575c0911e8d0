import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Limits } from '../../pipelines/engines/engine'
import type { BranchKind } from '../../pipelines/gitflow'
import { parseServiceFile } from '../../pipelines/service-file'
import { planStages, StageDefinition, type StagePlan } from '../../pipelines/stage-plan'
import { renderTemplate } from '../../pipelines/templates/render'

function plan(
  kind: BranchKind,
  rest: string,
  more: { knownRelease?: { id: number; digest: string; run: number }; bases?: { node: string } } = {},
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
    expect(stages[1]?.definition).toMatchObject({ kind: 'build', forRelease: false })
    expect(plan('develop', ALL)[1]?.definition).toMatchObject({ kind: 'build', forRelease: true })
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
    expect(plan('master', ALL)).toEqual([
      {
        name: 'build',
        definition: expect.objectContaining(nothing),
        skip: 'a push to master runs no stage: it adopts the release of the same tree',
      },
    ])
  })
})

describe('a build', () => {
  it('is skipped where a release of the same tree is known; the tests still run', () => {
    const stages = plan('develop', ALL, { knownRelease: { id: 7, digest: 'sha256:a', run: 3 } })
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
      forRelease: true,
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
      },
    })
  })

  it('without an image runs in the image just built', () => {
    expect(plan('develop', ALL)[3]?.definition).toMatchObject({ kind: 'step', image: null, run: ['api'] })
  })

  it('that needs service containers is refused, never run without them', () => {
    const stages = plan(
      'develop',
      'build: { template: node }\nstages: { integration: { run: [a], services: { db: { image: "postgres:17" } } }, unit: { image: a, run: [b] } }\n',
    )
    expect(stages.map((s) => [s.name, s.refuse])).toEqual([
      ['build', undefined],
      ['unit', undefined],
      ['integration', 'needs service containers (db), which this version cannot start'],
    ])
    expect(stages[2]?.definition).toEqual({
      kind: 'refused',
      because: 'needs service containers (db), which this version cannot start',
    })
  })
})

describe('a stage definition', () => {
  it('is read back from JSON as it was stored', () => {
    const refused = 'build: { template: node }\nstages: { integration: { run: [a], services: { db: { image: b } } } }\n'
    for (const kind of ['feature', 'develop', 'release', 'master'] as const) {
      for (const { definition } of [...plan(kind, ALL), ...plan(kind, refused)]) {
        expect(StageDefinition.parse(JSON.parse(JSON.stringify(definition)))).toEqual(definition)
      }
    }
  })

  it('of another shape is refused', () => {
    expect(StageDefinition.safeParse({ kind: 'step', run: [] }).success).toBe(false)
    expect(StageDefinition.safeParse({ kind: 'other' }).success).toBe(false)
  })

  it("carries the engine's own limits", () => {
    const definition = plan('develop', ALL)[0]?.definition
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

  it('runs static and unit on a feature branch, and everything on develop', () => {
    if (!parsed.ok) throw new Error('invalid')
    expect(names(planStages({ kind: 'feature', service: parsed.service, image: 'hello:run-1' }))).toBe('static unit')
    expect(names(planStages({ kind: 'develop', service: parsed.service, image: 'hello:run-1' }))).toBe(
      'static build unit api',
    )
  })
})
