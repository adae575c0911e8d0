import { describe, expect, it } from 'vitest'
import { cachesOf } from '../../pipelines/cache-key'

const keyOf = (
  project: number,
  trust: Parameters<typeof cachesOf>[1],
  path = '/root/.npm',
  image: string | null = 'node:22',
) => cachesOf(project, trust, image, [path])[0]?.key

describe('the caches of a stage', () => {
  it('are shared by the runs of one trust class', () => expect(keyOf(1, 'develop')).toBe(keyOf(1, 'develop')))
  it('C2: are never shared between trust classes', () => {
    const classes = ['feature', 'develop', 'release'] as const
    expect(new Set(classes.map((trust) => keyOf(1, trust))).size).toBe(classes.length)
  })
  it('are one for each image', () =>
    expect(keyOf(1, 'develop', '/a', 'node:22')).not.toBe(keyOf(1, 'develop', '/a', 'node:22-alpine')))
  it('are never shared between projects', () => expect(keyOf(1, 'develop')).not.toBe(keyOf(2, 'develop')))
  it('are one for each folder', () => expect(keyOf(1, 'develop', '/a')).not.toBe(keyOf(1, 'develop', '/b')))
  it('are none for a fork', () => expect(cachesOf(1, 'fork', null, ['/root/.npm'])).toEqual([]))
  it('have names that every engine takes', () => expect(keyOf(1, 'release')).toMatch(/^[a-z0-9.-]{1,200}$/))
})
