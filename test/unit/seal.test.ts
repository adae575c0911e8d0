import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeKeys, ensureKeys, hookSecrets, instanceId, seal, unseal } from '../../prisma/seal'

let dir: string
beforeAll(async () => {
  dir = join(mkdtempSync(join(tmpdir(), 'seal-')), 'keys')
  await Promise.all([ensureKeys(dir), ensureKeys(dir), ensureKeys(dir)])
})
afterAll(() => rmSync(join(dir, '..'), { recursive: true }))

describe('secrets at rest', () => {
  it('what was sealed for one place opens there', async () =>
    expect(await unseal(dir, 'token:a', await seal(dir, 'token:a', 'glpat-秘密'))).toBe('glpat-秘密'))
  it('and nowhere else: swapped between rows, it stays shut', async () => {
    const sealed = await seal(dir, 'token:a', 'glpat-x')
    await expect(unseal(dir, 'token:b', sealed)).rejects.toThrow()
  })
  it('a changed byte keeps it shut', async () => {
    const sealed = await seal(dir, 'token:a', 'glpat-x')
    for (const at of [0, 31, 32, sealed.length - 1]) {
      const bent = Buffer.from(sealed)
      bent[at] = (bent[at] ?? 0) ^ 1
      await expect(unseal(dir, 'token:a', bent)).rejects.toThrow()
    }
  })
  it('the same secret twice looks different', async () =>
    expect(await seal(dir, 'token:a', 'x')).not.toEqual(await seal(dir, 'token:a', 'x')))
})

describe('the keys', () => {
  const modes = () =>
    Object.fromEntries(
      readdirSync(dir)
        .sort()
        .map((name) => [name, (statSync(join(dir, name)).mode & 0o777).toString(8)]),
    )
  it('of an earlier version, and whatever else lies there, are closed', async () => {
    const before = modes()
    writeFileSync(join(dir, 'codes'), 'x')
    for (const name of readdirSync(dir)) chmodSync(join(dir, name), 0o666)
    chmodSync(dir, 0o777)
    closeKeys(dir, null)
    // An intake key that somebody let a group read stays so: that is how two users of the system share it.
    expect(modes()).toEqual({ ...before, codes: '600', 'intake.key': '640' })
    expect(statSync(dir).mode & 0o777).toBe(0o711)
    rmSync(join(dir, 'codes'))
    chmodSync(join(dir, 'intake.key'), 0o600)
  })
  it('three processes that start together end up with one set, and what is secret is its owner’s alone', async () => {
    expect(readdirSync(join(dir, '..'))).toEqual(['keys'])
    expect(modes()).toEqual({
      instance: '644',
      'intake.key': '600',
      'trail-keys.json': '644',
      'trail.key': '600',
      'worker.key': '600',
      'worker.pub': '644',
    })
    const before = instanceId(dir)
    await ensureKeys(dir)
    expect(instanceId(dir)).toBe(before)
  })
  it('each hook has secrets of its own, the same each time', () => {
    expect(hookSecrets(dir, 'a')).toEqual(hookSecrets(dir, 'a'))
    expect(hookSecrets(dir, 'a').token).not.toBe(hookSecrets(dir, 'b').token)
    expect(hookSecrets(dir, 'a').signingKey).toHaveLength(32)
  })
})
