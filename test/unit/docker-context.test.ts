import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { syntaxProblem } from '../../pipelines/dockerfile-syntax'
import { buildContext } from '../../pipelines/engines/docker-context'
import { ignoredBy } from '../../pipelines/engines/docker-ignore'
import { readTar, TAR_END, tarEntry, withOwner } from '../../pipelines/engines/docker-tar'

const entries = (contents: [string, string][]) =>
  contents.map(([name, text]) => tarEntry({ name, body: Buffer.from(text), mode: 0o644 }))
const files = (contents: [string, string][]) => () => Readable.from([...entries(contents), TAR_END])

async function names(archive: Buffer, cut = archive.length) {
  const pieces = Array.from({ length: Math.ceil(archive.length / cut) }, (_, i) =>
    archive.subarray(i * cut, (i + 1) * cut),
  )
  const found: string[] = []
  for await (const part of readTar(Readable.from(pieces))) if (part.raw) found.push(part.header.name)
  return found
}

const BUILDER = { platform: 'linux/amd64', heredocs: false }

describe('the context of a build', () => {
  it.each([
    ['# syntax=evil/frontend\nFROM x', 'evil/frontend'],
    ['\uFEFF#SYNTAX = evil/x:1\nFROM x', 'evil/x:1'],
    ['#!/usr/bin/env x\r\n# check=skip=all\r\n# syntax=docker/dockerfile.evil\r\nFROM x', 'docker/dockerfile.evil'],
    ['// syntax=evil/x\nFROM x', 'evil/x'],
    ['\n\n# syntax=docker.io.evil/docker/dockerfile:1\nFROM x', 'docker.io.evil'],
    ['{"syntax": "evil/x"}', 'JSON'],
    // C1: these are Docker's own, and do not keep builds apart, or may not.
    ['# syntax=docker/dockerfile:1.0\nFROM x', '1.2 on'],
    ['# syntax=docker/dockerfile:1.1.7-experimental\nFROM x', '1.2 on'],
    ['# syntax=docker/dockerfile:1-labs\nFROM x', '1.2 on'],
    [`# syntax=docker/dockerfile:1.7@sha256:${'a'.repeat(64)}\nFROM x`, 'without a digest'],
    ['# syntax=docker/dockerfile:1\n# syntax=docker/dockerfile:1.2\nFROM x', 'once'],
    ['  # syntax=docker/dockerfile:1\nFROM x', 'first line'],
    ['# a comment\n# syntax=docker/dockerfile:1\nFROM x', 'first line'],
  ])('a foreign builder is seen in %j', (text, named) => {
    expect(syntaxProblem(text)?.because).toContain(named)
  })

  it.each([
    'FROM x\n# syntax=evil/x',
    '# syntax=docker/dockerfile:1\nFROM x',
    '# escape=\\\n#syntax = docker.io/docker/dockerfile:1.7.2\nFROM x',
    '# syntax=docker/dockerfile\nFROM x',
    '# a comment\nFROM x',
    'FROM x',
  ])('Docker’s own builder, or none, is let through: %j', (text) => {
    expect(syntaxProblem(text)).toBeNull()
  })

  it('holds the text of a template under a name of its own, at the end', async () => {
    const context = await buildContext(
      { dockerfile: { text: 'FROM x' }, files: files([['Dockerfile', 'FROM y']]) },
      BUILDER,
    )
    if ('because' in context) throw new Error(context.because)
    expect(context.name).toMatch(/^\.shiplock-[0-9a-f]{16}\.Dockerfile$/)
    expect(await names(await buffer(context.stream('FROM z')))).toEqual(['Dockerfile', context.name])
  })

  it('holds the Dockerfile that was made ready once, in place of every one of its name', async () => {
    const twice = files([
      ['Dockerfile', 'FROM x'],
      ['a', ''],
      ['./Dockerfile', 'FROM y'],
    ])
    const context = await buildContext({ dockerfile: { path: 'Dockerfile' }, files: twice }, BUILDER)
    if ('because' in context) throw new Error(context.because)
    const archive = await buffer(context.stream('FROM pinned'))
    expect(await names(archive)).toEqual(['a', 'Dockerfile'])
    expect(archive.toString()).toContain('FROM pinned')
    expect(archive.toString()).not.toContain('FROM y')
  })

  it('is refused when the Dockerfile is a link or is not there', async () => {
    const link = tarEntry({ name: 'Dockerfile', body: Buffer.alloc(0), mode: 0o644 })
    link.write('2', 156)
    const only = () => Readable.from([withOwner(link, 0, 0), TAR_END])
    const linked = await buildContext({ dockerfile: { path: 'Dockerfile' }, files: only }, BUILDER)
    expect(linked).toEqual({ because: 'Dockerfile is not a plain file, and must be one' })
    const absent = await buildContext({ dockerfile: { path: 'docker/Dockerfile' }, files: files([['a', '']]) }, BUILDER)
    expect(absent).toEqual({ because: 'The commit has no file docker/Dockerfile to build from' })
  })
})

describe('an archive', () => {
  it('reads the same however it is cut', async () => {
    const archive = Buffer.concat([
      ...entries([
        ['a', 'x'.repeat(700)],
        ['b/c', ''],
        ['d', 'y'.repeat(512)],
      ]),
      TAR_END,
    ])
    for (const cut of [1, 7, 511, 512, 513, 1024, 5000]) expect(await names(archive, cut)).toEqual(['a', 'b/c', 'd'])
  })

  it('gives the long name that a pax header carries', async () => {
    const long = `${'deep/'.repeat(40)}file`
    const record = (length: number) => `${length} path=${long}\n`
    const pax = tarEntry({ name: 'pax', body: Buffer.from(record(record(100).length)), mode: 0o644 })
    pax.write('x', 156)
    const archive = Buffer.concat([
      withOwner(pax, 0, 0),
      ...entries([
        ['short', 'body'],
        ['next', ''],
      ]),
      TAR_END,
    ])
    expect(await names(archive, 100)).toEqual([long, 'next'])
  })

  it('that ends in the middle of a file is an error', async () => {
    const archive = Buffer.concat(entries([['a', 'x'.repeat(700)]]))
    await expect(names(archive.subarray(0, 900))).rejects.toThrow('ends in the middle')
  })
})

describe('.dockerignore', () => {
  it.each([
    ['node_modules', ['node_modules', 'node_modules/a/b'], ['a/node_modules', 'node_modules2']],
    ['*.md\n!README.md', ['a.md'], ['README.md', 'docs/a.md']],
    ['**/*.log', ['a.log', 'x/y/a.log'], ['a.logs']],
    ['/dist/', ['dist', 'dist/x'], ['a/dist']],
    ['docs/**\n!docs/keep', ['docs/a', 'docs/a/b'], ['docs/keep', 'doc']],
    ['a?c\n[x-z]1', ['abc', 'y1'], ['a/c', 'w1']],
    ['# a comment\n\n  spaced  ', ['spaced'], ['# a comment']],
    ['*\n!src', ['a', 'b/c'], ['src', 'src/deep/x']],
    ['a.b+(c)', ['a.b+(c)'], ['aXb+(c)', 'a.bb(c)']],
  ])('%j leaves out %j and keeps %j', (text, out, kept) => {
    const ignored = ignoredBy(text)
    expect(out.filter((path) => !ignored(path))).toEqual([])
    expect(kept.filter(ignored)).toEqual([])
  })
})
