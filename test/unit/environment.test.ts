import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { EnvironmentPolicy, parseEnvironment, problemInWords } from '../../environments/environment'

const MINIMAL = 'name: test\nstart: automatic\ntarget: { kind: docker }\n'

function policyOf(text: string): EnvironmentPolicy {
  const parsed = parseEnvironment(text, 'test.yaml')
  if (!parsed.ok) throw new Error(parsed.problems.map(problemInWords).join('\n'))
  return parsed.policy
}

function problemsOf(text: string): string[] {
  const parsed = parseEnvironment(text, 'test.yaml')
  if (parsed.ok) throw new Error('expected problems, the file is valid')
  return parsed.problems.map(problemInWords)
}

describe('the file of an environment', () => {
  it('that a project starts with is valid', () => {
    const starting = (name: string) =>
      policyOf(readFileSync(new URL(`../../environments/${name}.yaml`, import.meta.url), 'utf8'))
    expect(starting('test')).toEqual({
      name: 'test',
      position: 1,
      start: 'automatic',
      target: { kind: 'docker', address: '127.0.0.1' },
      approvals: [],
      approval_expires: 4 * 3_600_000,
      freeze: [],
      verify: [],
      on_verify_failed: 'stay',
    })
    expect(starting('prerelease')).toMatchObject({ start: 'automatic', verify: ['functional', 'stress'] })
    expect(starting('production')).toMatchObject({ start: 'on-signoff', after: 'prerelease' })
  })

  it('may say where, how many and how large', () => {
    const more = 'after: test\nreplicas: 3\nlimits: { memory: 512m, cpus: 0.5, pids: 256 }\n'
    const target = 'target: { kind: docker, host: "unix:///run/other.sock", address: 10.0.0.7 }'
    const policy = policyOf(
      MINIMAL.replace('name: test', 'name: prerelease').replace('target: { kind: docker }', target) + more,
    )
    expect(policy).toMatchObject({
      name: 'prerelease',
      after: 'test',
      replicas: 3,
      limits: { memory: 512 * 1024 ** 2, cpus: 0.5, pids: 256 },
      target: { kind: 'docker', host: 'unix:///run/other.sock', address: '10.0.0.7' },
    })
  })

  it('once parsed, parses again to the same: that is how the record keeps it', () => {
    const policy = policyOf(`${MINIMAL}limits: { memory: 1g }\n`)
    expect(EnvironmentPolicy.parse(JSON.parse(JSON.stringify(policy)))).toEqual(policy)
  })

  it('has all its problems told at once, each with its line and the nearest right name', () => {
    const text =
      'name: Test\nstrat: automatic\ntarget:\n  kind: docker\n  adress: 127.0.0.1\nreplicas: many\nlimits:\n  memory: lots\n  cpu: 2\n'
    expect(problemsOf(text)).toEqual([
      'test.yaml:1 name: must start with a letter and hold a-z, 0-9 and "-" only, at most 32',
      'test.yaml:1 start: must be automatic, on-signoff or by-hand',
      'test.yaml:2 strat: is not known here; did you mean `start`?',
      'test.yaml:5 target.adress: is not known here; did you mean `address`?',
      'test.yaml:6 replicas: must be a number',
      'test.yaml:8 limits.memory: must be a size like 512m, or a number of bytes',
      'test.yaml:9 limits.cpu: is not known here; did you mean `cpus`?',
    ])
  })

  it('may say who signs, when nothing is deployed, for how long a release proves itself, and what verifies it', () => {
    const policy = policyOf(
      `name: production
start: on-signoff
after: prerelease
soak: 1h30m
target: { kind: docker }
approvals: [ { role: owner }, { role: ops, count: 2, passkey: required }, { role: developer, passkey: optional } ]
approval_expires: 90m
remind: 30m
freeze: [ { from: "Fri 18:00", to: "Mon 08:00", zone: Asia/Shanghai, reason: weekend } ]
verify: [functional, stress]
on_verify_failed: rollback
`,
    )
    expect(policy).toMatchObject({
      soak: 5_400_000,
      approvals: [
        { role: 'owner', count: 1, passkey: 'optional' },
        { role: 'ops', count: 2, passkey: 'required' },
        { role: 'developer', count: 1, passkey: 'optional' },
      ],
      approval_expires: 5_400_000,
      remind: 1_800_000,
      freeze: [{ from: 'Fri 18:00', to: 'Mon 08:00', zone: 'Asia/Shanghai', reason: 'weekend' }],
      verify: ['functional', 'stress'],
      on_verify_failed: 'rollback',
    })
    expect(EnvironmentPolicy.parse(JSON.parse(JSON.stringify(policy)))).toEqual(policy)
  })

  it.each([
    ['approvals: [ { role: ops, passkey: always } ]', 'approvals[0].passkey: must be required or optional'],
    ['approvals: [ { role: viewer } ]', 'approvals[0].role: must be owner, ops or developer'],
    ['approval_expires: 25h', 'approval_expires: must be at most 24h'],
    ['approval_expires: 0s', 'approval_expires: must be at least 1m'],
    ['approval_expires: soon', 'approval_expires: must be a duration like 4h'],
    ['remind: 1s', 'remind: must be at least 1m'],
    ['reminds: 1h', 'reminds: is not known here; did you mean `remind`?'],
    [
      'freeze: [ { from: "Fri 18:00", to: "Mon 08:00", zone: Mars/Olympus, reason: weekend } ]',
      'freeze[0].zone: is no zone that is known here, such as Europe/Berlin or Asia/Shanghai',
    ],
    [
      'freeze: [ { from: "Fri 18:00", until: "Mon 08:00", to: "Mon 08:00", reason: weekend } ]',
      'freeze[0].until: is not known here',
    ],
    ['verify: [smoke]', 'verify[0]: must be component, functional, stress'],
    ['soak: 1h', 'soak: soak counts from the verification in another environment: name it in `after`'],
  ])('that asks for what cannot be kept is refused: %s', (line, told) => {
    expect(problemsOf(`${MINIMAL}${line}\n`)).toEqual([`test.yaml:4 ${told}`])
  })

  it('may leave these lists empty', () => {
    expect(policyOf(`${MINIMAL}approvals: []\nfreeze: []\nverify: []\n`)).toMatchObject({ approvals: [] })
  })

  it('names a kind of target that this version carries', () => {
    expect(problemsOf(MINIMAL.replace('docker', 'swarm'))).toEqual([
      'test.yaml:3 target.kind: must be docker: this version carries no other kind of target',
    ])
  })

  it.each(['0.0.0.0', '"::"', '"0:0:0:0:0:0:0:0"'])('does not publish a release on every network: %s', (address) => {
    expect(problemsOf(MINIMAL.replace('docker }', `docker, address: ${address} }`))).toEqual([
      expect.stringContaining('test.yaml:3 target.address: name one address'),
    ])
  })

  it.each(['ssh://host', 'tcp://user:secret@host:2375', 'tcp://host', 'relative.sock'])(
    'does not reach an engine by %s',
    (host) => {
      expect(problemsOf(MINIMAL.replace('docker }', `docker, host: "${host}" }`))).toEqual([
        'test.yaml:3 target.host: must be unix:///path, /path or tcp://host:port',
      ])
    },
  )

  it('does not come after itself', () => {
    expect(problemsOf(`${MINIMAL}after: test\n`)).toEqual([
      'test.yaml:4 after: an environment cannot come after itself',
    ])
  })

  it.each([
    ['', 'test.yaml: the file is empty'],
    ['- a list\n', 'test.yaml:1: must be a mapping'],
    [`${MINIMAL}name: again\n`, 'test.yaml:4 name: `name` stands here a second time; first on line 1'],
    [`${MINIMAL}---\nname: two\n`, 'test.yaml:4: a second document starts here; one file describes one service'],
  ])('that is no single mapping is refused: %j', (text, told) => {
    expect(problemsOf(text)).toEqual([told])
  })
})
