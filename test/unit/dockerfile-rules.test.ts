// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a Dockerfile writes its variables
import { describe, expect, it } from 'vitest'
import { readDockerfile } from '../../pipelines/dockerfile'
import { finalBase, referencesOf, stagesOf } from '../../pipelines/dockerfile-bases'
import { pinned } from '../../pipelines/dockerfile-pin'
import { dockerfileProblem } from '../../pipelines/dockerfile-rules'
import { heredocsIn, syntaxProblem } from '../../pipelines/dockerfile-syntax'
import { whyNotUsed } from '../../pipelines/engines/docker-origin'
import { mayUse, TRUST_CLASSES } from '../../pipelines/trust'

const PLATFORM = 'linux/amd64'
const problem = (file: ReturnType<typeof readDockerfile>) => dockerfileProblem(file, PLATFORM)
const read = (text: string, heredocs = false) => readDockerfile(text, { heredocs })
const pin = (text: string, heredocs = false) => {
  const file = read(text, heredocs)
  const images = referencesOf(file, PLATFORM).flatMap(({ image }) => image ?? [])
  const { text: sent, stages } = pinned(file, PLATFORM, new Map(images.map((image) => [image, `pin/${image}`])))
  return [...stages.keys()].reduce((said, name) => said.replaceAll(name, name.replace(/-.*/, '')), sent)
}

describe('what a Dockerfile may not ask for', () => {
  it.each([
    ['C6: a remote source', 'FROM a\nADD https://x/y /z', 2, 'RUN (curl, wget, git)'],
    ['C6: a repository', 'FROM a\nADD git@github.com:x/y.git /z', 2, 'RUN (curl, wget, git)'],
    ['C6: of any scheme', 'FROM a\nADD ssh://x/y a /z', 2, 'engine itself'],
    ['C6: in the list form', 'FROM a\nADD ["a", "http://x", "/z"]', 2, 'engine itself'],
    ['C6: in pieces', 'FROM a\nADD "ht"tp://x /z', 2, 'engine itself'],
    ['C6: over lines', 'FROM a\n\n# c\nADD \\\n# c\n  http://x \\\n /z', 4, 'engine itself'],
    ['C6: in a trigger', 'FROM a\nONBUILD ADD http://x /z', 2, 'engine itself'],
    ['C6: in a trigger, known later', 'FROM a\nONBUILD ADD $X /z', 2, 'ONBUILD COPY'],
    ['C6: the network of the engine', 'FROM a\nRUN --network=host x', 2, 'leave it out'],
    ['C1: root on the engine', 'FROM a\nRUN --mount=type=tmpfs,target=/x --security=insecure x', 2, 'leave it out'],
    ['C1: a device', 'FROM a\nRUN --device=/dev/fuse x', 2, 'leave it out'],
    ['C3: a variable for an image', 'FROM a\nCOPY --from=$X /a /b', 2, 'FROM $X AS other'],
    ['C3: a variable in a mount', 'FROM a\nRUN --mount=from=x$Y,target=/x y', 2, 'FROM x$Y AS other'],
    ['a line that ends in two ways', 'FROM a\nRUN x \\\\\nADD http://x /y', 2, 'two escape marks'],
    ['a line that ends in two ways, at the end', 'FROM a\nRUN x \\\\', 2, 'two escape marks'],
    ['a carriage return within', 'FROM a\nRUN x \\\r\r\nADD http://x /y', 2, 'carriage return'],
    ['behind white space that continues nothing', 'FROM a\nRUN x \\\u00a0\nADD http://x /y', 3, 'engine itself'],
    ['behind what only looks like a comment', 'FROM a\nRUN x \\\n\ufeff# y\nADD http://x /y', 4, 'engine itself'],
    ['behind a document of a builder that knows none', 'FROM a\nRUN x <<#y\nADD http://x /y\n#y', 3, 'engine itself'],
  ])('%s', (_what, text, line, because) => {
    expect(problem(read(text))).toEqual({ line, because: expect.stringContaining(because) })
  })

  const deep = (word: string) => Array.from({ length: 14 }, (_, n) => `\${Z${n}:-`).join('') + word + '}'.repeat(14)
  it.each([
    ['C3: an image that is escaped', 'FROM a\nCOPY --from=vic\\\\tim /x /y', 2, 'no name of an image'],
    ['C3: an image in a mount that is none', 'FROM a\nRUN --mount=from=A%b,target=/x y', 2, 'no name of an image'],
    ['C3: a sign that is white space to one reader', 'FROM a\nCOPY --from=\u00a0victim /x /y', 2, 'beyond ASCII'],
    ['C3: a stage that there is not', 'FROM a\nCOPY --from=7 /x /y', 2, 'no stage above it'],
    ['C3: capitals before the first slash', 'FROM a\nCOPY --from=TEAM/secret /x /y', 2, 'no name of an image'],
    ['C3: defaults nested too deep to follow', `FROM a AS s\nFROM ${deep('s')}`, 2, 'no name of an image'],
    ['C3: a value too long to follow', `ARG X=${'a'.repeat(5_000)}\nFROM $X`, 2, 'no name of an image'],
    ['an instruction that is too long to stand on one line', `FROM a\nRUN ${'x \\\n'.repeat(40_000)}`, 2, 'a script'],
  ])('%s', (_what, text, line, because) => {
    expect(problem(read(text))).toEqual({ line, because: expect.stringContaining(because) })
  })

  it.each([
    ['an open quote', "FROM a\nRUN true <<EOF it's\nCOPY --from=b / /x\nEOF", 'open quote'],
    ['no end', 'FROM a\nRUN true <<EOF\nCOPY --from=b / /x', 'no end'],
    ['a name with an escape', 'FROM a\nRUN true <<#\\x\n#x\nCOPY --from=b / /x\n#\\x', 'letters, digits'],
    ['a variable for a name', 'FROM a\nRUN true <<$X\n$X', 'letters, digits'],
  ])('C3: a document with %s is read in two ways', (_what, text, because) => {
    expect(problem(read(text, true))).toEqual({ line: 2, because: expect.stringContaining(because) })
  })

  it.each([
    ['another escape mark', '# escape=`\nFROM a', 1, 'leave it out'],
    ['another escape mark, after others', '# x\n\n# foo=bar\n#Escape = `\nFROM a', 4, 'leave it out'],
    ['two byte order marks', '\ufeff\ufeff# escape=`\nFROM a', 1, 'byte order marks'],
    ['text behind the builder', '# syntax=docker/dockerfile:1.4 x\nFROM a', 1, 'write `# syntax=docker/dockerfile:1`'],
  ])('C3: %s', (_what, text, line, because) => {
    expect(syntaxProblem(text)).toEqual({ line, because: expect.stringContaining(because) })
  })

  it.each([
    'FROM a\nADD a.tar.gz "b c" $D /z',
    'FROM a\nRUN curl http://x | sh\nCOPY http://x /y',
    'FROM a\nRUN --network=none --mount=type=cache,target=/x y',
    'FROM a\nRUN echo ADD http://x y',
    'FROM a\nLABEL x="http://y"',
    'FROM a\nRUN x \\ \n  y \\\t\n  z',
  ])('and what it may: %j', (text) => {
    expect(problem(read(text))).toBeNull()
  })

  it('and documents are documents where the builder knows them', () => {
    const text = 'FROM a\nRUN <<X\nADD http://x /y\nX\nCOPY <<"Y" /y\nFROM b\nY'
    expect(problem(read(text, true))).toBeNull()
    expect(problem(read(text))).not.toBeNull()
    for (const [syntax, known] of [
      ['1', true],
      ['1.4', true],
      ['1.3.1', false],
    ] as const)
      expect(heredocsIn(`# syntax=docker/dockerfile:${syntax}\n${text}`, !known)).toBe(known)
  })
})

describe('a Dockerfile whose bases cannot move (C5)', () => {
  it.each([
    ['FROM a AS x', 'FROM pin/a AS x'],
    ['from --platform=$BUILDPLATFORM a:1 as x', 'FROM --platform=$BUILDPLATFORM pin/a:1 as x'],
    ['FROM a AS one\nFROM one', 'FROM pin/a AS stage0\nFROM stage0'],
    ['FROM a\nFROM b\nRUN x\nCOPY --from=0 /x /y', 'FROM pin/a AS stage0\nFROM pin/b\nRUN x\nCOPY --from=stage0 /x /y'],
    [
      'FROM a as One\nFROM $X\nCOPY c d\nFROM --platform=x b\nRUN --mount=from=ONE,target=/x y',
      'FROM pin/a as stage0\n\n\nFROM --platform=x pin/b\nRUN --mount=from=stage0,target=/x y',
    ],
    ['FROM scratch\nCOPY --from=b --chown=1 /x \\\n  /y', 'FROM scratch\n\nCOPY --from=pin/b --chown=1 /x   /y'],
    [
      'FROM a\nRUN --mount=type=bind,from=b:2,target=/x --mount=target="/a b",from=c y && \\\n# c\n\n  z',
      'FROM pin/a\n\n\n\nRUN --mount=type=bind,from=pin/b:2,target=/x --mount=target=/a\\ b,from=pin/c y &&   z',
    ],
    ['ARG A=b\nFROM $A\nRUN x', 'ARG A=b\nFROM pin/b\nRUN x'],
    ['FROM a\nADD $X "y z" b ./c /d', 'FROM pin/a\nADD ./$X ./"y ./z" b ./c /d'],
    ['FROM a\nADD --chown=1 ["$X", "b", "/d"]', 'FROM pin/a\nADD --chown=1 ["./$X","b","/d"]'],
    ['FROM a\nRUN x \\\n  # y\n  z', 'FROM pin/a\n\n\nRUN x   z'],
    ['FROM $X', 'FROM $X'],
  ])('%j', (text, out) => {
    expect(pin(text)).toBe(out)
  })

  it('keeps documents where they stand, and the number of lines', () => {
    const text = 'FROM a\nRUN --mount=from=b,target=/x \\\n  cat <<E \\\n  | sh\nadd \\\nx\nE\nRUN y'
    const out = pin(text, true)
    expect(out).toBe('FROM pin/a\n\n\nRUN --mount=from=pin/b,target=/x   cat <<E   | sh\nadd \\\nx\nE\nRUN y')
    expect(out.split('\n').length).toBe(text.split('\n').length)
  })

  it('reads again as it was read', () => {
    const random = (state: { n: number }, below: number) => {
      state.n = (state.n * 1103515245 + 12345) % 2 ** 31
      return Math.floor((state.n / 2 ** 31) * below)
    }
    const pieces = [
      'FROM a',
      'ADD $X y',
      'RUN x',
      'COPY --from=b x y',
      ' \\\n',
      '\n',
      '# c',
      '"',
      "'",
      ' ',
      '<<E',
      '\nE\n',
      '\\',
      '\t',
      '[',
      '--mount=from=c',
    ]
    for (let seed = 1; seed <= Number(process.env.SEEDS ?? 300); seed++) {
      const state = { n: seed }
      const text = `FROM a\n${Array.from({ length: 12 }, () => pieces[random(state, pieces.length)]).join('')}`
      const file = read(text)
      if (problem(file)) continue
      const again = read(pinned(file, PLATFORM, new Map()).text)
      const shape = (f: typeof file) => f.instructions.map(({ name, to }) => [name, to])
      const left = stagesOf(file, PLATFORM).filter(({ needed }) => !needed)
      const given = (at: number) => !left.some((stage) => at >= stage.at && at < stage.end)
      expect([text, shape(again)]).toEqual([text, shape(file).filter((_, at) => given(at))])
      expect(problem(again)).toBeNull()
    }
  })

  it.each([
    ['FROM a\nFROM b AS c\nFROM c', 'b'],
    ['FROM a AS x\nFROM b\nCOPY --from=x y z', 'b'],
    ['FROM a\nFROM scratch', null],
    ['ARG A=a\nFROM ${A}', 'a'],
    ['', null],
  ])('starts from the last stage’s: %j', (text, image) => {
    expect(finalBase(read(text), 'linux/amd64')).toBe(image)
  })

  it('needs what its last stage is made of', () => {
    const text =
      'FROM a AS one\nFROM b AS two\nCOPY --from=c x y\nFROM d AS three\nRUN --mount=from=two x\nCOPY --from=0 x y'
    const needed = referencesOf(read(`${text}\nFROM e`), 'linux/amd64').filter((r) => r.needed)
    expect(needed.map(({ image }) => image)).toEqual(['e'])
    expect(referencesOf(read(text), 'linux/amd64').every((r) => r.needed)).toBe(true)
  })
})

describe('an image of others (C3)', () => {
  it('follows the one rule, for every pair of installations, projects and classes', () => {
    const origins = ['i', 'j'].flatMap((instance) =>
      [1, 2].flatMap((project) => TRUST_CLASSES.map((trust) => ({ instance, project, trust }))),
    )
    for (const user of origins)
      for (const made of origins) {
        const labels = {
          'shiplock.instance': made.instance,
          'shiplock.project': String(made.project),
          'shiplock.trust': made.trust,
        }
        const work = { ...user, run: 1, stage: 'unit', epoch: 1 }
        expect(whyNotUsed(work, { name: 'x', labels }) === null).toBe(mayUse(user, made))
      }
  })

  it('is public without our labels, and nobody’s with half of them', () => {
    const work = { instance: 'i', project: 1, trust: 'feature' as const, run: 1, stage: 'unit', epoch: 1 }
    expect(whyNotUsed(work, { name: 'x', labels: { 'shiplock.base': 'x', maintainer: 'y' } })).toBeNull()
    for (const labels of [
      { 'shiplock.project': '1' },
      { 'shiplock.instance': 'i', 'shiplock.project': '1x', 'shiplock.trust': 'release' },
      { 'shiplock.instance': 'i', 'shiplock.project': '1', 'shiplock.trust': 'toString' },
      { 'shiplock.trust': 'release' },
    ] as Record<string, string>[])
      expect(whyNotUsed(work, { name: 'x', labels })).not.toBeNull()
  })
})
