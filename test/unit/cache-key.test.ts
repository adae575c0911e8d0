import { describe, expect, it } from 'vitest'
import { cachesOf } from '../../pipelines/cache-key'

const keyOf = (project: number, kind: Parameters<typeof cachesOf>[1], path = '/root/.npm') =>
  cachesOf(project, kind, [path])[0]?.key

describe('the caches of a stage', () => {
  it('are shared by the branches that only take what was merged', () =>
    expect(keyOf(1, 'develop')).toBe(keyOf(1, 'master')))
  it('are never shared between a feature branch and what was merged', () =>
    expect(keyOf(1, 'feature')).not.toBe(keyOf(1, 'develop')))
  it('are never shared between projects', () => expect(keyOf(1, 'develop')).not.toBe(keyOf(2, 'develop')))
  it('are one for each folder', () => expect(keyOf(1, 'develop', '/a')).not.toBe(keyOf(1, 'develop', '/b')))
  it('are none for a fork', () => expect(cachesOf(1, 'fork', ['/root/.npm'])).toEqual([]))
  it('have names that every engine takes', () => expect(keyOf(1, 'hotfix')).toMatch(/^[a-z0-9.-]{1,200}$/))
})
