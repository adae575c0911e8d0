import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nearest } from '../../pipelines/nearest'
import { parseServiceFile, serviceFileSchema } from '../../pipelines/service-file'

const FULL = `# what the service is
service: hello
version: "1.0"
build:
  dockerfile: docker/Dockerfile
stages:
  static: { image: "node:22", run: ["npm run lint"] }
  unit:
    image: node:22
    run: [npm ci, npm test]
    also_on: [feature]
    timeout: 1m30s
    workdir: web
    env: { CI: "true", PORT: 8085, RATIO: 1.10 }
    memory: 512m
    cpus: 0.5
deploy:
  replicas: 2
  ports: ["8085", 9090]
  healthcheck: { http: "/healthz", port: 8085, interval: 2s, timeout: 10s, start_period: 3s, retries: 4 }
config:
  DATABASE_URL: { required: true, secret: true }
  LOG_LEVEL: { enum: [debug, info, warn], default: info }
`

const MINIMAL = 'service: hello\nversion: "1.0"\n'

/** The problems as `line path: message`, so that one assertion shows all that an author sees. */
function problemsOf(text: string): string[] {
  const parsed = parseServiceFile(text)
  if (parsed.ok) throw new Error('expected problems, the file is valid')
  return parsed.problems.map((p) => `${p.line} ${p.path}: ${p.message}`)
}

const serviceOf = (text: string) => {
  const parsed = parseServiceFile(text)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed
}

describe('a valid service file', () => {
  it('is read with durations in milliseconds, sizes in bytes and ports as numbers', () => {
    const { service, notes } = serviceOf(FULL)
    expect(notes).toEqual([])
    expect(service).toEqual({
      service: 'hello',
      version: '1.0',
      build: { dockerfile: 'docker/Dockerfile' },
      stages: {
        static: {
          image: 'node:22',
          run: ['npm run lint'],
          alsoOn: [],
          timeoutMs: 600_000,
          env: {},
          reports: [],
          artifacts: [],
          cache: [],
          services: {},
          memoryBytes: 1024 ** 3,
          cpus: 1,
        },
        unit: {
          image: 'node:22',
          run: ['npm ci', 'npm test'],
          alsoOn: ['feature'],
          timeoutMs: 90_000,
          workdir: 'web',
          env: { CI: 'true', PORT: '8085', RATIO: '1.10' },
          reports: [],
          artifacts: [],
          cache: [],
          services: {},
          memoryBytes: 512 * 1024 ** 2,
          cpus: 0.5,
        },
      },
      deploy: {
        replicas: 2,
        ports: [8085, 9090],
        healthcheck: { http: '/healthz', port: 8085, interval: 2000, timeout: 10_000, startPeriod: 3000, retries: 4 },
        update: { order: 'start-first', monitor: 5_000, onFailure: 'rollback' },
        memoryBytes: 512 * 1024 ** 2,
        cpus: 1,
      },
      config: {
        DATABASE_URL: { required: true, secret: true },
        LOG_LEVEL: { required: false, secret: false, enum: ['debug', 'info', 'warn'], default: 'info' },
      },
    })
  })

  it('needs no more than a name and a version', () => {
    const { service } = serviceOf(MINIMAL)
    expect(service.build).toBeNull()
    expect(service.stages).toEqual({})
    expect(service.deploy).toMatchObject({ replicas: 1, ports: [], healthcheck: null })
    expect(service.config).toEqual({})
  })

  it('may start with a byte order mark, a comment or a document marker, and have Windows line ends', () => {
    for (const text of [
      `\ufeff${MINIMAL}`,
      `# hello\n---\n${MINIMAL}...\n`,
      MINIMAL.replaceAll('\n', '\r\n'),
      `%YAML 1.2\n---\n${MINIMAL}`,
    ]) {
      expect(serviceOf(text).service.service).toBe('hello')
    }
  })

  it('may use an anchor to say something once', () => {
    const { service } = serviceOf(`${MINIMAL}stages:\n  static: &step { image: "node:22", run: [a] }\n  unit: *step\n`)
    expect(service.stages.unit).toEqual(service.stages.static)
  })

  it('takes the first port for a healthcheck that names none', () => {
    expect(
      serviceOf(`${MINIMAL}deploy: { ports: ["8085"], healthcheck: { http: /up } }\n`).service.deploy.healthcheck,
    ).toEqual({
      http: '/up',
      port: 8085,
      interval: 2000,
      timeout: 5000,
      startPeriod: 10_000,
      retries: 3,
    })
  })

  it('keeps a number in env and config as it is written', () => {
    const { service } = serviceOf(
      `${MINIMAL}stages: { unit: { run: [a], env: { A: 007, B: 1e3, C: yes, D: true } } }\nconfig: { E: { enum: [1.0, 2], default: 1.0 } }\n`,
    )
    expect(service.stages.unit?.env).toEqual({ A: '007', B: '1e3', C: 'yes', D: 'true' })
    expect(service.config.E).toMatchObject({ enum: ['1.0', '2'], default: '1.0' })
  })
})

describe('problems', () => {
  it('are reported all at once, each with its line, in the order of the file', () => {
    expect(
      problemsOf(`servce: hello
version: 1.0
build: { dockerfile: ../Dockerfile }
stages:
  unt: { run: [a] }
  unit: { run: "npm test", timout: 5m, memory: 9g }
  api: { run: [] }
deploy:
  replicas: two
  ports: ["8080:80", 0]
  healthcheck: { http: healthz, retries: 0 }
config:
  lower: { required: true }
  KEY: { required: yes }
  TOKEN: { secret: true, default: abc }
  LEVEL: { enum: [a, b], default: c }
`),
    ).toEqual([
      '1 service: is missing: the name of the service, such as `hello`',
      '1 servce: unknown key `servce`; did you mean `service`?',
      '2 version: expected a string, found the number 1.0; put it in quotes: "1.0"',
      '3 build.dockerfile: expected a path inside the repository, without a leading "/" and without ".."',
      '5 stages.unt: unknown key `unt`; did you mean `unit`?',
      '6 stages.unit.run: expected a list, found a string; write it as a list: ["…"]',
      '6 stages.unit.memory: expected at most 4g, found "9g"',
      '6 stages.unit.timout: unknown key `timout`; did you mean `timeout`?',
      '7 stages.api.run: expected at least 1 entry, found 0',
      '9 deploy.replicas: expected a whole number, found a string',
      '10 deploy.ports[0]: expected a container port such as "8085", found "8080:80": the host port is picked by the engine, so that a new release can start beside the old one',
      '10 deploy.ports[1]: expected a container port from 1 to 65535',
      '11 deploy.healthcheck.http: expected a path that starts with "/", such as "/healthz"',
      '11 deploy.healthcheck.retries: expected at least 1, found 0',
      '13 config.lower: expected a name of capital letters, digits and _, such as DATABASE_URL',
      '14 config.KEY.required: expected true or false, found a string',
      '15 config.TOKEN.default: a secret has no default: its value never stands in the repository',
      '16 config.LEVEL.default: is not one of the values under `enum`',
    ])
  })

  it.each([
    ['an empty file', '', '1 : the file is empty; `service` and `version` are the least it holds'],
    ['a file of comments', '# hello\n', '1 : the file is empty; `service` and `version` are the least it holds'],
    ['a list', '- a\n', '1 : expected a mapping that starts with `service`, found a list'],
    ['a word', 'hello\n', '1 : expected a mapping that starts with `service`, found a string'],
    [
      'a second document',
      `${MINIMAL}---\n${MINIMAL}`,
      '3 : a second document starts here; one file describes one service',
    ],
    ['a tab', `${MINIMAL}stages:\n\tunit: { run: [a] }\n`, '4 : a tab is not allowed as indentation; use spaces'],
    [
      'a key that comes twice',
      `${MINIMAL}service: again\n`,
      '3 service: `service` stands here a second time; first on line 1',
    ],
    ['a prototype', `${MINIMAL}__proto__: { polluted: true }\n`, '3 __proto__: `__proto__` is not allowed as a key'],
    ['a merge key', `${MINIMAL}<<: { a: 1 }\n`, '3 <<: merge keys (`<<`) are not carried; write the keys out'],
    ['a number as a key', `${MINIMAL}12: a\n`, '3 : expected a key that is a string, found the number 12'],
    ['a list as a key', `${MINIMAL}? [a]\n: b\n`, '3 : expected a key that is a string, found a list'],
    ['a tag', `${MINIMAL}build: !!binary aGVsbG8=\n`, '3 build: the tag `!!binary` is not carried; write plain values'],
    [
      'an own tag',
      `${MINIMAL}build: !include other.yaml\n`,
      '3 build: the tag `!include` is not carried; write plain values',
    ],
    ['YAML 1.1', `%YAML 1.1\n---\n${MINIMAL}`, '1 : the file says YAML 1.1; it is read as YAML 1.2: remove the line'],
    ['an unknown alias', `${MINIMAL}build: *nowhere\n`, '3 build: the alias `*nowhere` names no anchor above it'],
    ['NUL', `${MINIMAL}# \0\n`, '3 : the file is not plain text: it holds the character U+0000'],
    [
      'a hidden change of direction',
      `${MINIMAL}# \u202e\n`,
      '3 : the file is not plain text: it holds the character U+202E',
    ],
    [
      'bytes that are no UTF-8',
      `${MINIMAL}# \ufffd\n`,
      '3 : the file is not plain text: it holds the character U+FFFD',
    ],
    ['an unclosed bracket', `${MINIMAL}stages: { unit: { run: [a }\n`, null],
    ['an unclosed quote', `${MINIMAL}build: "\n`, null],
  ])('%s is told clearly', (_what, text, expected) => {
    const problems = problemsOf(text)
    if (expected) expect(problems).toContain(expected)
    else expect(problems[0]).toMatch(/^\d+ : not valid YAML: /)
  })

  it('an empty value says that nothing stands there', () => {
    expect(problemsOf(`${MINIMAL}deploy:\n`)).toEqual(['3 deploy: expected a mapping, found nothing'])
    expect(problemsOf(`${MINIMAL}build:\n`)).toEqual(['3 build: expected a mapping, found nothing'])
    expect(problemsOf(`${MINIMAL}build: {}\n`)).toEqual([
      '3 build: expected either `dockerfile` or `template`, found neither',
    ])
  })

  it('a missing key is told with the line of what it is missing from', () => {
    expect(problemsOf(`${MINIMAL}stages:\n  unit:\n    image: a\n`)).toEqual([
      '4 stages.unit.run: is missing: the commands, such as ["npm test"]',
    ])
  })

  it('a key of Compose that has another place here says where', () => {
    expect(
      problemsOf(
        `${MINIMAL}build: { dockerfile: Dockerfile, context: web }\nstages: { build: { run: [make] } }\nimage: a\nports: ["80"]\n`,
      ),
    ).toEqual([
      '3 build.context: unknown key `context`; the build context is always the root of the repository',
      '4 stages.build: unknown key `build`; what is built stands under `build:` at the top',
      '5 image: unknown key `image`; the image is built from the commit: see `build`',
      '6 ports: unknown key `ports`; it belongs under `deploy`',
    ])
  })

  it('a build is from a Dockerfile or from a template, not from both', () => {
    expect(problemsOf(`${MINIMAL}build: { dockerfile: Dockerfile, template: node }\n`)).toEqual([
      '3 build: expected either `dockerfile` or `template`, found both',
    ])
    expect(problemsOf(`${MINIMAL}build: { template: nod }\n`)).toEqual([
      '3 build.template: "nod" is not one of node, java-maven, python, go, static; did you mean "node"?',
    ])
  })

  it.each([
    ['Hello', false],
    ['hello_world', false],
    ['-hello', false],
    ['hello-', false],
    ['a'.repeat(51), false],
    ['hello-2', true],
    ['a'.repeat(50), true],
  ])('the name %s is taken: %s', (name, taken) => {
    expect(parseServiceFile(`service: ${name}\nversion: "1"\n`).ok).toBe(taken)
  })

  it.each([
    ['1.0', true],
    ['2024.11', true],
    ['1.0.0-rc.1', true],
    ['1..0', false],
    ['v1', false],
    ['1.0/..', false],
    ['1 0', false],
    ['', false],
    ['1.', false],
  ])('the version "%s" is taken: %s', (version, taken) => {
    expect(parseServiceFile(`service: hello\nversion: "${version}"\n`).ok).toBe(taken)
  })

  it.each([
    ['2s', 2000],
    ['1m30s', 90_000],
    ['1h', 3_600_000],
    ['1500ms', 1500],
    ['1h1s', null],
    ['10', null],
    ['0s', null],
    ['s', null],
    ['30s1m', null],
    ['-5s', null],
  ])('the timeout %s is %s ms', (text, ms) => {
    const parsed = parseServiceFile(`${MINIMAL}stages: { unit: { run: [a], timeout: "${text}" } }\n`)
    expect(parsed.ok ? parsed.service.stages.unit?.timeoutMs : null).toBe(ms)
  })

  it.each([
    ['512m', 512 * 1024 ** 2],
    ['1g', 1024 ** 3],
    ['4096mb', 4 * 1024 ** 3],
    ['65536k', 64 * 1024 ** 2],
    ['4.5g', null],
    ['5g', null],
    ['1m', null],
    ['512', null],
    ['lots', null],
  ])('the memory %s is %s bytes', (text, bytes) => {
    const parsed = parseServiceFile(`${MINIMAL}stages: { unit: { run: [a], memory: "${text}" } }\n`)
    expect(parsed.ok ? parsed.service.stages.unit?.memoryBytes : null).toBe(bytes)
  })

  it('limits are kept: commands, their length, variables and their names', () => {
    const commands = Array.from({ length: 51 }, () => 'a').join(', ')
    const env = Array.from({ length: 51 }, (_, i) => `V${i}: a`).join(', ')
    expect(
      problemsOf(
        `${MINIMAL}stages:\n  unit: { run: [${commands}] }\n  api: { run: ["${'x'.repeat(4097)}"] }\n  static: { run: [a], env: { ${env} } }\n  component: { run: [a], env: { lower: a, SHIPLOCK_URL: b } }\n`,
      ),
    ).toEqual([
      '4 stages.unit.run: expected at most 50 entries, found 51',
      '5 stages.api.run[0]: expected at most 4096 bytes, found 4097',
      '6 stages.static.env: expected at most 50 variables, found 51',
      '7 stages.component.env.lower: expected a name of capital letters, digits and _, such as DATABASE_URL',
      '7 stages.component.env.SHIPLOCK_URL: names that start with SHIPLOCK_ are set by Shiplock itself',
    ])
  })

  it.each([
    'node:22',
    'registry.example.com:5000/team/app:1.0',
    `node@sha256:${'a'.repeat(64)}`,
    'shiplock-demo/node:local',
  ])('the image %s is taken', (image) => {
    expect(serviceOf(`${MINIMAL}stages: { unit: { run: [a], image: "${image}" } }\n`).service.stages.unit?.image).toBe(
      image,
    )
  })

  it.each(['-v', 'node 22', 'Node:22', 'node:', '../node', 'a@sha256:12', 'http://node'])(
    'the image %s is refused',
    (image) => {
      expect(parseServiceFile(`${MINIMAL}stages: { unit: { run: [a], image: "${image}" } }\n`).ok).toBe(false)
    },
  )

  it.each([
    ['11m', 'expected at most 10m, found "11m"'],
    ['-1s', 'expected a duration such as "30s" or "1m30s"'],
    ['soon', 'expected a duration such as "30s" or "1m30s"'],
  ])('a window of %s is none', (monitor, message) => {
    expect(problemsOf(`${MINIMAL}deploy: { update: { monitor: ${monitor} } }\n`)).toEqual([
      `3 deploy.update.monitor: ${message}`,
    ])
  })

  it('a window lasts from nothing to ten minutes', () => {
    const monitorOf = (text: string) =>
      serviceOf(`${MINIMAL}deploy: { update: { monitor: ${text} } }\n`).service.deploy.update.monitor
    expect(['0s', '1m30s', '10m'].map(monitorOf)).toEqual([0, 90_000, 600_000])
  })

  it('a healthcheck asks a port that is published', () => {
    expect(problemsOf(`${MINIMAL}deploy: { ports: ["8085"], healthcheck: { http: /, port: 9000 } }\n`)).toEqual([
      '3 deploy.healthcheck.port: 9000 is not one of `deploy.ports`',
    ])
  })

  it('a value is never repeated where it may be a secret', () => {
    expect(
      problemsOf(
        `${MINIMAL}stages: { unit: { run: [a], env: { A: [hunter2] } } }\nconfig: { A: { secret: true, default: hunter2 } }\n`,
      ).join(),
    ).not.toContain('hunter2')
  })

  it('what cannot be in a path, a command or a variable is found behind its escape', () => {
    expect(
      problemsOf(`${MINIMAL}build: { dockerfile: "a\\0b" }\nstages: { unit: { run: ["a\\0"], env: { A: "\\0" } } }\n`),
    ).toEqual([
      '3 build.dockerfile: expected a path inside the repository, without a leading "/" and without ".."',
      '4 stages.unit.run[0]: a command cannot hold the character U+0000',
      '4 stages.unit.env.A: a value cannot hold the character U+0000',
    ])
  })

  it('a file that is too large is refused unread', () => {
    expect(problemsOf(`${MINIMAL}# ${'é'.repeat(33_000)}\n`)).toEqual(['null : the file is larger than 64 KiB'])
  })
})

describe('a test stage', () => {
  const stage = (inner: string) => `${MINIMAL}stages:\n  integration: { run: [a], ${inner} }\n`
  const containerOf = (inner: string) =>
    serviceOf(stage(`services: { db: { image: "postgres:17", ${inner} } }`)).service.stages.integration?.services.db

  it('names what is read and kept of it, and which folders outlive it', () => {
    const { service, notes } = serviceOf(
      stage(
        'reports: ["reports/**/*.xml", "报告/*.xml"], artifacts: ["dist/**", "log[0-9].{txt,gz}"], cache: [/root/.npm, /workspace/node_modules]',
      ),
    )
    expect(notes).toEqual([])
    expect(service.stages.integration).toMatchObject({
      reports: ['reports/**/*.xml', '报告/*.xml'],
      artifacts: ['dist/**', 'log[0-9].{txt,gz}'],
      cache: ['/root/.npm', '/workspace/node_modules'],
    })
  })

  it('may have containers beside it, each with a healthcheck as Compose writes it', () => {
    expect(containerOf('env: { RATIO: 1.10 }, command: [postgres, -c, fsync=off]')).toEqual({
      image: 'postgres:17',
      env: { RATIO: '1.10' },
      command: ['postgres', '-c', 'fsync=off'],
      healthcheck: null,
    })
    expect(containerOf('healthcheck: { test: [CMD, pg_isready, -U, app], interval: 500ms, retries: 5 }')).toMatchObject(
      {
        command: null,
        healthcheck: {
          test: ['CMD', 'pg_isready', '-U', 'app'],
          interval: 500,
          timeout: 5000,
          startPeriod: 0,
          retries: 5,
        },
      },
    )
    expect(containerOf('healthcheck: { test: pg_isready }')?.healthcheck?.test).toEqual(['CMD-SHELL', 'pg_isready'])
    expect(containerOf('healthcheck: { test: [NONE] }')?.healthcheck?.test).toEqual(['NONE'])
  })

  it.each([
    ['reports: ["/reports/*.xml"]', 'reports[0]: expected a pattern such as "reports/*.xml"'],
    ['reports: ["../*.xml"]', 'reports[0]: expected a pattern such as "reports/*.xml"'],
    ['artifacts: ["+(a|b)"]', 'artifacts[0]: expected a pattern such as "reports/*.xml"'],
    ['artifacts: ["*a*b*c*"]', 'artifacts[0]: expected at most three * between two slashes'],
    ['artifacts: ["{a/b,c}/d"]', 'artifacts[0]: a "/" cannot stand within braces'],
    [`artifacts: [${Array(21).fill('a')}]`, 'artifacts: expected at most 20 entries, found 21'],
    ['cache: [node_modules]', 'cache[0]: expected an absolute path in the container'],
    ['cache: [/root/../etc]', 'cache[0]: expected an absolute path in the container'],
    ['cache: [/]', 'cache[0]: expected an absolute path in the container'],
    ['cache: [/proc/self]', 'cache[0]: this folder is needed as it is'],
    ['cache: [/workspace]', 'cache[0]: this folder is needed as it is'],
    ['cache: [/a, /a]', 'cache: a folder stands here twice'],
    [`cache: [${['/a', '/b', '/c', '/d', '/e', '/f']}]`, 'cache: expected at most 5 entries, found 6'],
    ['artefacts: [a]', 'artefacts: unknown key `artefacts`; did you mean `artifacts`?'],
    ['services: { db: { image: a, healthcheck: {} } }', 'services.db.healthcheck.test: '],
    [
      'services: { db: { image: a, healthcheck: { test: [pg_isready] } } }',
      'services.db.healthcheck.test: expected a list that starts with CMD or CMD-SHELL',
    ],
    [
      'services: { db: { image: a, healthcheck: { test: a, interval: 2m } } }',
      'services.db.healthcheck.interval: expected at most 1m, found "2m"',
    ],
    [
      'services: { db: { image: a, healthcheck: { test: a, retry: 3 } } }',
      'services.db.healthcheck.retry: unknown key `retry`; known here: test, interval, timeout, start_period, retries',
    ],
    [
      'services: { db: { image: a, healtcheck: {} } }',
      'services.db.healtcheck: unknown key `healtcheck`; did you mean `healthcheck`?',
    ],
  ])('with %s is refused', (inner, told) => {
    expect(problemsOf(stage(inner)).join('\n')).toContain(`4 stages.integration.${told}`)
  })
})

describe('what has no effect', () => {
  it('is valid, and said in notes', () => {
    const { notes } = serviceOf(`${MINIMAL}stages:
  unit: { run: [a], reports: ["reports/*.xml"] }
  integration: { run: [a], services: { db: { image: "postgres:17", env: { POSTGRES_PASSWORD: x } } } }
  stress: { run: [a] }
  api: { run: [a], also_on: [feature] }
deploy:
  update: { order: stop-first, parallelism: 1, delay: 5s, on_failure: pause }
`)
    expect(notes.map((n) => `${n.line} ${n.path}: ${n.message}`)).toEqual([
      '7 stages.api.also_on[0]: has no effect: a push to a feature branch never runs api',
      '9 deploy.update.order: this version always starts the new release before it stops the old one',
      '9 deploy.update.parallelism: this version replaces all replicas at once, after the new ones are healthy',
      '9 deploy.update.delay: this version replaces all replicas at once, after the new ones are healthy',
      '9 deploy.update.on_failure: this version always goes back to the release that was running',
    ])
  })
})

describe('hostile input', () => {
  const filled = (piece: string) => piece.repeat(Math.floor(65_000 / Buffer.byteLength(piece)))
  const laughs = `${MINIMAL}a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]\n`).join('')}`
  const hostile: Record<string, string> = {
    'billion laughs': laughs,
    'a wide alias': `${MINIMAL}a: &a [${'x,'.repeat(1500)}]\nb: [${Array(20).fill('*a')}]\n`,
    'an alias of itself': `${MINIMAL}stages: &a { unit: *a }\n`,
    'deep brackets': filled('['),
    'deep braces': filled('{'),
    'deep lists': filled('- '),
    'deep keys': filled('? '),
    'deep indentation': Array.from({ length: 350 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''),
    'one key again and again': filled('a: 1\n'),
    'many keys': Array.from({ length: 6000 }, (_, i) => `k${i}: 1\n`).join(''),
    'many documents': filled('---\n'),
    'many anchors': filled('&a '),
    'many tags': filled('!x '),
    'many quotes': filled('"'),
    'many escapes': filled('"\\u0000"\n'),
    'many blocks': filled('a: |\n'),
    'many directives': filled('%x\n'),
    'many comments': filled('#c\n'),
    'one long key': `${'k'.repeat(65_000)}: 1`,
    'one long escape string': `a: "${filled('\\q')}"`,
    'long number': filled('1'),
    blanks: filled(' '),
    tabs: filled('\t'),
    'lone surrogates': filled('\ud800'),
    'many stages': `${MINIMAL}stages:\n${Array.from({ length: 900 }, (_, i) => `  s${i}: {}\n`).join('')}`,
    'a long name': `service: ${'a-'.repeat(30_000)}\nversion: "${'1.'.repeat(100)}"\n`,
    'a long image': `${MINIMAL}stages: { unit: { run: [a], image: "${'a.'.repeat(30_000)}" } }\n`,
    'a pattern of stars': `${MINIMAL}stages: { unit: { run: [a], reports: ["${'*a'.repeat(30_000)}"] } }\n`,
    'a pattern of braces': `${MINIMAL}stages: { unit: { run: [a], reports: ["${'{'.repeat(190)}/", "${'{a'.repeat(30_000)}"] } }\n`,
    'a long path': `${MINIMAL}stages: { unit: { run: [a], cache: ["${'/a'.repeat(30_000)}", "${'/../'.repeat(20)}"] } }\n`,
    'a long duration': `${MINIMAL}stages: { unit: { run: [a], timeout: "${'1'.repeat(60_000)}" } }\n`,
    'constructor and friends': `${MINIMAL}constructor: 1\ntoString: 1\nstages: { constructor: {}, prototype: {} }\nconfig: { __proto__: {} }\n`,
  }

  it.each(Object.entries(hostile))('%s gives few problems, soon, and throws nothing', (_name, text) => {
    let soonest = Number.POSITIVE_INFINITY
    let problems: unknown[] = []
    // The best of several, in the time of this process: another process on the same core is not counted.
    for (let i = 0; i < 5 && soonest > 50; i++) {
      const before = process.cpuUsage()
      const parsed = parseServiceFile(text)
      soonest = Math.min(soonest, process.cpuUsage(before).user / 1000)
      expect(parsed.ok).toBe(false)
      problems = parsed.ok ? [] : parsed.problems
    }
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.length).toBeLessThanOrEqual(51)
    expect(JSON.stringify(problems).length).toBeLessThan(20_000)
    expect(soonest).toBeLessThan(50)
  })

  it('no prototype is touched', () => {
    parseServiceFile(`${MINIMAL}__proto__: { polluted: true }\nconfig: { __proto__: { required: true } }\n`)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('the nearest name', () => {
  it.each([
    ['stage', 'stages'],
    ['Unit', 'unit'],
    ['uint', 'unit'],
    ['tiemout', 'timeout'],
    ['health_check', 'healthcheck'],
    ['xyz', null],
    ['', null],
  ])('of "%s" is %s', (word, expected) => {
    expect(nearest(word, ['stages', 'unit', 'timeout', 'healthcheck'])).toBe(expected)
  })

  it('of a very long word is none', () => {
    expect(nearest('x'.repeat(60_000), ['stages'])).toBeNull()
  })
})

describe('the published JSON schema', () => {
  it('is current (written by: npx tsx scripts/service-schema.ts)', () => {
    const published = readFileSync(new URL('../../pipelines/service-file.schema.json', import.meta.url), 'utf8')
    expect(JSON.parse(published)).toEqual(serviceFileSchema())
  })
})
