import { describe, expect, it } from 'vitest'
import { BASES, type DefaultService, defaultService, detectLanguage, withBuild } from '../../pipelines/defaults'
import { parseServiceFile, TEMPLATE_NAMES } from '../../pipelines/service-file'
import { planStages } from '../../pipelines/stage-plan'
import { dockerfileOf, renderTemplate } from '../../pipelines/templates/render'

const serviceOf = (made: DefaultService) => {
  if (!made.ok) throw new Error(made.because)
  return made.service
}

const PACKAGE = JSON.stringify({
  name: 'hello',
  version: '2.3.4',
  scripts: { start: 'node server.js', test: 'node --test', lint: 'node lint.js' },
})

describe('the language of a repository', () => {
  it.each([
    [['package.json', 'server.js'], 'node'],
    [['package.json', 'index.html'], 'node'],
    [['index.html', 'style.css'], 'static'],
    [['requirements.txt'], 'python'],
    [['pyproject.toml', 'src'], 'python'],
    [['go.mod', 'main.go', 'package.json'], 'go'],
    [['pom.xml', 'src'], 'java-maven'],
    [['README.md'], null],
    [[], null],
    [['constructor', '__proto__'], null],
  ])('of %j is %s', (names, language) => {
    expect(detectLanguage(names)).toBe(language)
  })
})

describe('a repository without a service file', () => {
  it('gets static, build and unit where a test script exists, and says so', () => {
    const made = defaultService('My_App', ['package.json', 'server.js'], PACKAGE)
    const service = serviceOf(made)
    expect(service).toMatchObject({ service: 'my-app', version: '2.3.4', build: { template: 'node' } })
    expect(service.stages.static).toMatchObject({
      image: 'node:22-slim',
      run: [expect.stringContaining('grep'), 'node lint.js'],
    })
    expect(service.stages.unit).toMatchObject({ image: 'node:22-slim', run: ['node --test'] })
    expect(made.because).toBe('there is no .shiplock.yaml: the default pipeline for node is used')
  })

  it('installs what the tests need, from the lockfile where there is one', () => {
    const withDependencies = JSON.stringify({ scripts: { test: 'vitest run' }, devDependencies: { vitest: '4' } })
    expect(
      serviceOf(defaultService('a', ['package.json', 'package-lock.json'], withDependencies)).stages.unit?.run,
    ).toEqual(['npm ci --no-audit --no-fund', 'npm run test'])
    expect(serviceOf(defaultService('a', ['package.json'], withDependencies)).stages.unit?.run).toEqual([
      'npm install --no-audit --no-fund',
      'npm run test',
    ])
  })

  it('has no unit stage without a test script, and none for the one that npm init writes', () => {
    expect(serviceOf(defaultService('a', ['package.json'], '{}')).stages.unit).toBeUndefined()
    expect(
      serviceOf(
        defaultService('a', ['package.json'], '{"scripts":{"test":"echo \\"Error: no test specified\\" && exit 1"}}'),
      ).stages.unit,
    ).toBeUndefined()
    expect(serviceOf(defaultService('a', ['package.json'])).stages.unit).toBeUndefined()
  })

  it.each([
    '{',
    'null',
    '[]',
    '{"scripts":1}',
    '{"scripts":{"test":{}}}',
    '{"dependencies":[]}',
    '"x"',
    `{"version":"${'9'.repeat(99)}"}`,
  ])('takes the package.json %s as it comes', (text) => {
    expect(serviceOf(defaultService('a', ['package.json'], text))).toMatchObject({
      version: '0.0',
      build: { template: 'node' },
    })
  })

  it('is built from its Dockerfile where it has one', () => {
    expect(serviceOf(defaultService('a', ['Dockerfile', 'package.json'], PACKAGE)).build).toEqual({
      dockerfile: 'Dockerfile',
    })
    expect(serviceOf(defaultService('a', ['Dockerfile']))).toMatchObject({
      build: { dockerfile: 'Dockerfile' },
      stages: {},
    })
  })

  it('is refused with a reason where nothing says what it is', () => {
    expect(defaultService('a', ['README.md'])).toEqual({
      ok: false,
      because:
        'there is no Dockerfile, and no file that tells the language (pom.xml, go.mod, package.json, requirements.txt, pyproject.toml, setup.py, Pipfile or index.html)',
    })
  })

  it('uses the base images that are configured', () => {
    const service = serviceOf(defaultService('a', ['package.json'], PACKAGE, { node: 'shiplock-demo/node:local' }))
    expect(service.stages.unit?.image).toBe('shiplock-demo/node:local')
  })

  it.each([
    ['Group/My App', 'group-my-app'],
    ['你好', 'service'],
    ['--x--', 'x'],
    ['a'.repeat(80), 'a'.repeat(50)],
    [`${'a'.repeat(49)}-b`, 'a'.repeat(49)],
  ])('the project %s makes the service %s', (project, name) => {
    const service = serviceOf(defaultService(project, ['index.html']))
    expect(service.service).toBe(name)
    expect(parseServiceFile(`service: ${name}\nversion: "0.0"\n`).ok).toBe(true)
  })

  it('passes every push of the flow to a plan', () => {
    for (const names of [['package.json'], ['index.html'], ['go.mod'], ['Dockerfile']]) {
      const service = serviceOf(defaultService('a', names))
      for (const kind of ['feature', 'develop', 'release', 'hotfix'] as const)
        expect(planStages({ kind, service, image: 'a:1' }).length).toBeGreaterThan(0)
    }
  })
})

describe('a service file that does not say how to build', () => {
  const parsed = parseServiceFile('service: a\nversion: "1"\n')
  const service = parsed.ok ? parsed.service : null
  it('is built from the Dockerfile, or else from the template of its language', () => {
    if (!service) throw new Error('invalid')
    expect(withBuild(service, ['Dockerfile', 'go.mod']).build).toEqual({ dockerfile: 'Dockerfile' })
    expect(withBuild(service, ['go.mod']).build).toEqual({ template: 'go' })
    expect(withBuild(service, ['README.md']).build).toBeNull()
    expect(withBuild({ ...service, build: { template: 'node' } }, ['Dockerfile']).build).toEqual({ template: 'node' })
  })
})

describe('a template', () => {
  it.each(TEMPLATE_NAMES)('%s is a whole Dockerfile whose base can be replaced', (name) => {
    expect(renderTemplate(name, {})).toMatch(/^ARG BASE=\S+\n[\s\S]*^FROM \$\{BASE\}/m)
    expect(renderTemplate(name, { BASE: 'registry.local:5000/base:1' })).toContain(
      'ARG BASE=registry.local:5000/base:1\n',
    )
    expect(renderTemplate(name, {}).endsWith('\n')).toBe(true)
  })

  it.each(TEMPLATE_NAMES)('%s does not run as root', (name) => {
    expect(renderTemplate(name, {})).toMatch(/^USER \d+:\d+$/m)
  })

  it.each([{ BASE: 'a\nRUN evil' }, { BASE: 'a b' }, { BASE: '' }, { NOWHERE: 'a' }])('%j is refused', (params) => {
    expect(() => renderTemplate('node', params as unknown as Record<string, string>)).toThrow(/template node/)
  })

  it('a dollar in a parameter stays a dollar', () => {
    expect(renderTemplate('node', { BASE: 'a$&b' })).toContain('ARG BASE=a$&b\n')
  })

  it.each(TEMPLATE_NAMES)('%s has the base that the default pipeline runs its checks in', (name) => {
    expect(renderTemplate(name, {})).toContain(`ARG BASE=${BASES[name]}\n`)
  })

  it('takes the configured images that are its own', () => {
    const bases = { node: 'n:1', go: 'g:1', 'go-runtime': 'r:1' }
    expect(dockerfileOf('node', bases)).toContain('ARG BASE=n:1\n')
    expect(dockerfileOf('go', bases)).toContain('ARG BASE=g:1\nARG RUNTIME=r:1\n')
    expect(dockerfileOf('static', bases)).toBe(renderTemplate('static', {}))
  })
})
