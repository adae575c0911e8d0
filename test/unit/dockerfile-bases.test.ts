// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a Dockerfile writes its variables
import { describe, expect, it } from 'vitest'
import { basesOf as basesIn } from '../../pipelines/dockerfile-bases'
import { TEMPLATE_NAMES } from '../../pipelines/service-file'
import { renderTemplate } from '../../pipelines/templates/render'

const basesOf = (text: string, heredocs = true) => basesIn(text, { platform: 'linux/arm64/v8', heredocs })
const DIGEST = `sha256:${'a'.repeat(64)}`

describe('the images of a Dockerfile', () => {
  it.each<[string, string, string[]]>([
    ['one stage', 'FROM node:22\nRUN npm ci\n', ['node:22']],
    ['any case', 'from node:22 as build\ncopy --from=BUILD a b\n', ['node:22']],
    ['a digest', `FROM node@${DIGEST}\n`, [`node@${DIGEST}`]],
    ['a registry with a port', 'FROM registry.example.com:5000/team/app:1\n', ['registry.example.com:5000/team/app:1']],
    ['a platform', 'FROM --platform=$BUILDPLATFORM golang:1.25 AS build\n', ['golang:1.25']],
    ['nothing', 'FROM scratch\nCOPY a b\n', []],
    ['a stage of an earlier one', 'FROM a AS one\nFROM one AS two\nFROM two\n', ['a']],
    ['a stage of a later one', 'FROM two AS one\nFROM a AS two\n', ['two', 'a']],
    ['a copy from a later stage', 'FROM a AS one\nCOPY --from=two x y\nFROM b AS two\n', ['a', 'b']],
    ['a copy from a number that no stage has', 'FROM a\nCOPY --from=7 x y\n', ['a']],
    ['a mount from a number, which is a name there', 'FROM a\nRUN --mount=from=0,target=/x y\n', ['a', '0']],
    ['the same image twice', 'FROM a AS one\nFROM b\nFROM a\n', ['a', 'b']],
    ['a copy from an image', 'FROM a\nCOPY --link --from=nginx:1 --chown=1:1 /x /y\n', ['a', 'nginx:1']],
    [
      'a copy from a stage, by name and number',
      'FROM a AS one\nFROM b\nCOPY --from=one x y\nCOPY --from=0 x y\n',
      ['a', 'b'],
    ],
    ['a file called --from', 'FROM a\nCOPY x --from=b\n', ['a']],
    [
      'a mount',
      'FROM a\nRUN --mount=type=bind,from=tools:1,target=/t --mount=type=cache,target=/c make\n',
      ['a', 'tools:1'],
    ],
    ['a quoted mount', 'FROM a\nRUN --mount="type=bind,from=tools:1,target=/t" make\n', ['a', 'tools:1']],
    ['a mount of a stage', 'FROM a AS one\nFROM b\nRUN --mount=from=one,target=/t make\n', ['a', 'b']],
    ['a command that only looks like it', 'FROM a\nRUN echo --mount=from=b FROM c\n', ['a']],
    ['a trigger for others', 'FROM a\nONBUILD COPY --from=b x y\n', ['a']],
    ['no instruction at all', '', []],
    ['no image', 'FROM\n', []],
  ])('of %s', (_what, text, images) => {
    expect(basesOf(text)).toEqual(images)
  })

  it.each(TEMPLATE_NAMES)('of the template %s are the values of its arguments', (name) => {
    const text = renderTemplate(name, {})
    expect(basesOf(text)).toEqual([...text.matchAll(/^ARG \w+=(.*)$/gm)].map(([, image]) => image))
  })
})

describe('an argument before the first FROM', () => {
  it.each<[string, string, string[]]>([
    ['has its default put in', 'ARG TAG=22\nFROM node:$TAG\nFROM node:${TAG}-slim\n', ['node:22', 'node:22-slim']],
    ['may use an earlier one', 'ARG A=1\nARG B=node:${A}\nFROM $B\n', ['node:1']],
    ['may stand beside another', 'ARG A=1 B="two"\nFROM $A:$B\n', ['1:two']],
    ['may be quoted', `ARG A='n:1'\nARG B="m:2"\nFROM $A\nFROM "\${B}"\n`, ['n:1', 'm:2']],
    ['has a default at the place of use', 'ARG A\nFROM ${A:-node:22}\n', ['node:22']],
    ['has another default within that', 'FROM ${A:-${B:-node:22}}\n', ['node:22']],
    ['is empty, which only a colon sees', 'ARG A=\nFROM ${A:-x}\nFROM y${A-z}\n', ['x', 'y']],
    ['is replaced where it is there', 'ARG A=1\nFROM node${A:+:22}\nFROM node${B:+:22}\n', ['node:22', 'node']],
    ['without a value is empty (F1)', 'ARG V\nFROM node${V}\nFROM x$V\n', ['node', 'x']],
    ['that makes no name is left to the builder (F1)', 'ARG A\nFROM node:${A}\nFROM $A\n', []],
    ['that must be given is left to the builder', 'FROM ${B?must be given}\n', []],
    ['of an unknown one is empty too', 'ARG A=x$B\nFROM $A\n', ['x']],
    ['of a stage is not seen by the next', 'FROM a\nARG B=c\nFROM b$B\n', ['a', 'b']],
    ['is not put in where BuildKit puts in none', 'ARG A=b\nFROM a\nCOPY --from=$A x y\n', ['a']],
    ['may be escaped', 'ARG A=b\nFROM x\\$A\n', []],
    ['is broken off', 'ARG A=b\nFROM ${A\n', []],
    [
      'of the platform is known by itself (F1)',
      'FROM base-$TARGETOS\nFROM x:$BUILDARCH-${TARGETVARIANT}\n',
      ['base-linux', 'x:arm64-v8'],
    ],
    ['of the platform may be another', 'ARG TARGETOS=plan9\nFROM base-$TARGETOS\n', ['base-plan9']],
  ])('%s', (_what, text, images) => {
    expect(basesOf(text)).toEqual(images)
  })
})

describe('the lines of a Dockerfile', () => {
  it.each<[string, string, string[]]>([
    ['may go on in the next', 'FROM \\\n  node:22 \\\n  AS build\nFROM build\n', ['node:22']],
    ['may be broken within a word', 'FROM node\\\n:22\n', ['node:22']],
    ['may have comments and empty lines within', 'FROM \\\n# FROM a\n\n  node:22\n', ['node:22']],
    ['may have white space after the escape', 'FROM \\  \n node:22\n', ['node:22']],
    ['may be comments', '# FROM a\n  # FROM b\nFROM c\n', ['c']],
    [
      'may end as on Windows, and start with a byte order mark',
      '\ufeffFROM a\r\nRUN \\\r\n x\r\nFROM b\r\n',
      ['a', 'b'],
    ],
    ['have their escape said first', 'FROM a\n# escape=`\nRUN x \\\nFROM b\n', ['a']],
    ['may be a document of their own', 'FROM a\nRUN <<EOF\nFROM b\nEOF\nFROM c\n', ['a', 'c']],
    [
      'may be several documents',
      'FROM a\nRUN cat <<"ONE" && cat <<-TWO\nFROM b\nONE\nFROM c\n\tTWO\nFROM d\n',
      ['a', 'd'],
    ],
    ['may be a file that is copied', 'FROM a\nCOPY <<EOF /etc/x\nFROM b\nEOF\nFROM c\n', ['a', 'c']],
    ['may have a document without an end', 'FROM a\nRUN <<EOF\nFROM b\n', ['a']],
    ['may have a here-string or a shift, which is none', 'FROM a\nRUN cat <<<EOF; echo "1 <<2"\nFROM b\n', ['a', 'b']],
  ])('%s', (_what, text, images) => {
    expect(basesOf(text)).toEqual(images)
  })
})

describe('a hostile Dockerfile', () => {
  const doubling = Array.from({ length: 60 }, (_, i) => `ARG A${i + 1}=$A${i}$A${i}`).join('\n')
  it.each([
    ['of values that double', `ARG A0=xxxxxxxx\n${doubling}\nFROM $A60\n`],
    ['of defaults in defaults', `FROM ${'${A:-'.repeat(20_000)}\n`],
    ['of continued lines', `FROM ${'\\\n'.repeat(100_000)}`],
    ['of documents', `FROM a\n${'RUN <<E\n'.repeat(30_000)}`],
    ['of quotes', `FROM ${'"'.repeat(200_001)}`],
    ['of mounts', `FROM a\nRUN ${'--mount=from=b,'.repeat(20_000)}\n`],
    ['of dollars', `FROM ${'$'.repeat(200_000)}`],
  ])('%s is read soon', (_what, text) => {
    const before = process.cpuUsage()
    expect(basesOf(text).length).toBeLessThanOrEqual(2)
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1500)
  })
})
