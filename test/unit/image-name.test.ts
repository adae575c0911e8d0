import { describe, expect, it } from 'vitest'
import { releaseTag } from '../../environments/release'
import { defaultService } from '../../pipelines/defaults'
import { imageName } from '../../pipelines/image-name'
import { parseServiceFile } from '../../pipelines/service-file'

/** As Docker defines a name and a tag (distribution/reference), without a registry's address. */
const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const REFERENCE = new RegExp(`^${PART}(?:/${PART})*:\\w[\\w.-]{0,127}$`)
const MOST_NAME = 255

const nameOf = (service: string, project = 1, instance = '0a1b2c3d', tag = 'run-1') =>
  imageName({ instance, project, service }, tag)

describe('C4: names of images', () => {
  it('hold installation, project and service', () =>
    expect(nameOf('hello', 7)).toBe('shiplock-0a1b2c3d/p7/hello:run-1'))

  it.each(['node', 'busybox', 'postgres', 'p2', 'shiplock-0a1b2c3d', 'a--b', 'a'.repeat(50), 'x1-2-3'])(
    'a service called %s is named like nothing else',
    (service) => {
      expect(parseServiceFile(`service: ${service}\nversion: "1.0"\n`).ok).toBe(true)
      const names = [nameOf(service, 1), nameOf(service, 2), nameOf(service, 12), nameOf(service, 1, 'ffffffff')]
      expect(new Set(names).size).toBe(names.length)
      for (const name of names) {
        expect(name).toMatch(REFERENCE)
        expect(name.split(':')[0]?.length).toBeLessThanOrEqual(MOST_NAME)
        expect(name).toMatch(/^shiplock-[0-9a-f]{8}\/p\d+\/[^/]+:run-1$/)
      }
    },
  )

  it.each(['Hello', 'a/b', '../p2/hello', 'a:b', 'a'.repeat(51), 'hello\n', 'ünï', '-a', 'a_b'])(
    'a service that would end the name or climb out of it is no service: %j',
    (service) => expect(parseServiceFile(`service: ${JSON.stringify(service)}\nversion: "1.0"\n`).ok).toBe(false),
  )

  it.each(['Hello World', 'ÄÖÜ', '测试', 'A'.repeat(300), '--', 'p2/../hello', '9lives', 'x.Y_z'])(
    'a project called %j without a service file has a name that Docker takes',
    (project) => {
      const made = defaultService(project, ['Dockerfile'])
      if (!made.ok) throw new Error(made.because)
      expect(nameOf(made.service.service)).toMatch(REFERENCE)
    },
  )

  it('the longest version makes a tag that Docker takes', () => {
    const version = '1'.repeat(32)
    expect(parseServiceFile(`service: a\nversion: "${version}"\n`).ok).toBe(true)
    expect(nameOf('a', 1, 'ffffffff', releaseTag(version, new Date(), 100))).toMatch(REFERENCE)
  })
})
