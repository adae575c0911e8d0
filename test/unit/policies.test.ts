import { describe, expect, it } from 'vitest'
import { EnvironmentPolicy, parseEnvironment } from '../../environments/environment'
import { type Holder, whatCannotHold, whatDoesNotFit } from '../../environments/policy-check'
import { policyDifference } from '../../environments/policy-difference'
import { durationText, policyAsYaml, sizeText } from '../../environments/policy-yaml'
import { inOrder, startingEnvironments } from '../../environments/starting'

const policy = (more: object = {}) =>
  EnvironmentPolicy.parse({ name: 'production', start: 'automatic', target: { kind: 'docker' }, ...more })

/** What its YAML is read as. */
function again(of: EnvironmentPolicy): EnvironmentPolicy {
  const read = parseEnvironment(policyAsYaml(of), 'policy')
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.policy
}

describe('a policy as YAML', () => {
  it('reads again as the very same policy, whatever it says', () => {
    const all = policy({
      position: 3,
      after: 'prerelease',
      start: 'on-signoff',
      target: { kind: 'docker', host: 'unix:///run/other.sock', address: '10.0.0.7' },
      replicas: 3,
      limits: { memory: '512m', cpus: 0.5, pids: 64 },
      approvals: [{ role: 'ops', count: 2, passkey: 'required' }, { role: 'owner' }],
      approval_expires: '90m',
      remind: '1h30m',
      freeze: [
        { from: 'Fri 18:00', to: 'Mon 08:00', zone: 'Asia/Shanghai', reason: '周末: no "deploys"' },
        { from: '2026-12-24 18:00', to: '2027-01-04 08:00', reason: "it's holidays # really" },
      ],
      soak: '1h',
      verify: ['functional', 'stress'],
      on_verify_failed: 'rollback',
    })
    expect(again(all)).toEqual(all)
    expect(again(policy())).toEqual(policy())
    for (const { policy: starting } of startingEnvironments()) expect(again(starting)).toEqual(starting)
  })

  it('has times and sizes as people write them', () => {
    const text = policyAsYaml(policy({ limits: { memory: 512 * 1024 ** 2 }, remind: 5_400_000 }))
    expect(text).toContain('memory: 512m')
    expect(text).toContain('remind: 1h30m')
    expect(text).toContain('approval_expires: 4h')
    expect([0, 1, 90_061_001].map(durationText)).toEqual(['0s', '1ms', '25h1m1s1ms'])
    expect([6 * 1024 ** 2 + 1, 1024 ** 3, 1536].map(sizeText)).toEqual([6 * 1024 ** 2 + 1, '1g', 1536])
  })
})

describe('the difference between two policies', () => {
  it('is nothing where both say the same, in whatever order', () => {
    expect(policyDifference({ a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 })).toEqual([])
  })

  it('names each value that is another, with its path', () => {
    const before = policy({ replicas: 2, limits: { cpus: 1 } })
    const after = policy({ replicas: 3, limits: { cpus: 2 }, after: 'prerelease' })
    expect(policyDifference(before, after)).toEqual([
      { path: 'replicas', before: 2, after: 3 },
      { path: 'limits.cpus', before: 1, after: 2 },
      { path: 'after', before: null, after: 'prerelease' },
    ])
    expect(policyDifference(policy(), policy({ limits: { memory: '512m', cpus: 1 } }))).toEqual([
      { path: 'limits.memory', before: null, after: 512 * 1024 ** 2 },
      { path: 'limits.cpus', before: null, after: 1 },
    ])
  })

  it('tells a rule that was put in front of others once', () => {
    const ops = { role: 'ops', count: 1, passkey: 'optional' }
    const owner = { role: 'owner', count: 1, passkey: 'optional' }
    expect(policyDifference({ approvals: [ops] }, { approvals: [owner, ops] })).toEqual([
      { path: 'approvals[0]', before: null, after: owner },
    ])
    expect(policyDifference({ approvals: [owner, ops] }, { approvals: [ops, owner] })).toEqual([
      { path: 'approvals', before: [owner, ops], after: [ops, owner] },
    ])
    expect(policyDifference({ approvals: [ops, ops] }, { approvals: [ops] })).toEqual([
      { path: 'approvals[1]', before: ops, after: null },
    ])
  })
})

describe('a policy beside the others', () => {
  const others = [{ name: 'test' }, { name: 'prerelease', after: 'test' }] as const

  it('keeps its name, and comes after one that is there', () => {
    expect(whatDoesNotFit('production', policy({ after: 'prerelease' }), others)).toEqual([])
    expect(whatDoesNotFit('production', policy({ name: 'prod' }), others)).toEqual([
      expect.stringContaining('name: this is production'),
    ])
    expect(whatDoesNotFit('production', policy({ after: 'staging' }), others)).toEqual([
      'after: the project has no environment staging; it has test, prerelease',
    ])
  })

  it('does not go round in a circle', () => {
    expect(whatDoesNotFit('test', policy({ name: 'test', after: 'prerelease' }), [others[1]])).toEqual([
      'after: they would go round in a circle: test after prerelease after test',
    ])
    // A circle of the others is not what is asked about, and ends all the same.
    const round = [
      { name: 'a', after: 'b' },
      { name: 'b', after: 'a' },
    ]
    expect(whatDoesNotFit('production', policy({ after: 'a' }), round)).toEqual([])
  })

  it('stands where `after` puts it, before its number is looked at', () => {
    const a = { name: 'a', position: 9 }
    const b = { name: 'b', position: 1, after: 'a' }
    const c = { name: 'c', position: 1, after: 'nobody' }
    expect(inOrder([b, c, a])).toEqual({ ordered: [a, b], left: [c] })
  })
})

describe('rules', () => {
  const rule = (role: 'ops' | 'owner', count = 1, passkey: 'required' | 'optional' = 'optional') => ({
    role,
    count,
    passkey,
  })
  const who = (...roles: string[]): Holder => ({ roles, passkeyRoles: [] })

  it('are satisfiable where each person is needed for one of them only', () => {
    expect(whatCannotHold([rule('ops'), rule('owner')], [who('ops', 'owner'), who('ops')])).toEqual([])
    // The first to be asked for would take the only owner: they change places.
    expect(whatCannotHold([rule('ops'), rule('owner')], [who('owner', 'ops'), who('ops')])).toEqual([])
  })

  it('that ask for more people than there are say how many there are', () => {
    expect(whatCannotHold([rule('ops'), rule('owner')], [who('ops', 'owner')])).toEqual([
      { rule: rule('owner'), found: 0 },
    ])
    expect(whatCannotHold([rule('ops', 3)], [who('ops'), who('ops'), who('viewer')])).toEqual([
      { rule: rule('ops', 3), found: 2 },
    ])
  })

  it('that ask for a passkey need somebody who has one that was admitted for the role', () => {
    const strict = rule('ops', 1, 'required')
    expect(whatCannotHold([strict], [who('ops')])).toEqual([{ rule: strict, found: 0 }])
    expect(whatCannotHold([strict], [{ roles: ['ops'], passkeyRoles: ['owner'] }])).toHaveLength(1)
    expect(whatCannotHold([strict], [{ roles: ['ops'], passkeyRoles: ['ops'] }])).toEqual([])
  })
})
