import { describe, expect, it } from 'vitest'
import { containerSpec, shortCommand } from '../../pipelines/engines/docker-container'
import { frameReader } from '../../pipelines/engines/docker-frames'
import { nameAndTag } from '../../pipelines/engines/docker-image'
import { lineCutter } from '../../pipelines/engines/docker-lines'
import { plainProgress, readTrace } from '../../pipelines/engines/docker-trace'
import { asDuration, asSize } from '../../pipelines/engines/docker-words'

const frame = (stream: number, text: string) => {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}
const cutInto = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))

describe('the output of a container', () => {
  it('is the bytes of both streams in their order, however the connection cuts it', () => {
    const sent = Buffer.concat([frame(1, 'one\n'), frame(2, 'two\n'), frame(1, ''), frame(1, 'x'.repeat(300))])
    for (const size of [1, 3, 8, 9, 100, 1000]) {
      const unframe = frameReader()
      expect(Buffer.concat(cutInto(sent, size).map(unframe)).toString()).toBe(`one\ntwo\n${'x'.repeat(300)}`)
    }
  })

  it('comes in lines, and an endless line in pieces', () => {
    const { push, rest } = lineCutter(4)
    const lines = cutInto(Buffer.from('ab\ncdefghijk\n\nl'), 3).flatMap((chunk) => [...push(chunk)].map(String))
    expect(lines).toEqual(['ab', 'cdef', 'ghij', 'k', ''])
    expect(String(rest())).toBe('l')
  })
})

describe('the progress of a build', () => {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
  const bytes = (no: number, body: Buffer | string) => {
    const content = Buffer.from(body)
    return Buffer.concat([Buffer.from([no * 8 + 2, ...varint(content.length)]), content])
  }
  const at = (no: number, seconds: number) =>
    bytes(no, Buffer.from([8, ...varint(seconds), 16, ...varint(250_000_000)]))
  const vertex = (...parts: Buffer[]) =>
    bytes(1, Buffer.concat([bytes(1, 'sha256:a'), bytes(3, '[1/1] RUN x'), ...parts]))
  const output = (text: string) => bytes(3, Buffer.concat([bytes(1, 'sha256:a'), at(2, 1_700_000_003), bytes(4, text)]))
  const started = at(5, 1_700_000_001)
  const send = (show: ReturnType<typeof plainProgress>, ...parts: Buffer[]) =>
    [...show(readTrace(Buffer.concat(parts).toString('base64')))].join('')

  it('reads as docker’s own plain progress', () => {
    const show = plainProgress()
    expect(send(show, vertex(started))).toBe('#1 [1/1] RUN x\n')
    expect(send(show, vertex(started), output('half a '), output('line\nand more'))).toBe('#1 2.000 half a line\n')
    expect(send(show, vertex(started, at(6, 1_700_000_005)))).toBe('#1 4.000 and more\n#1 DONE 4.0s\n')
    expect(send(show, vertex(started, at(6, 1_700_000_005)))).toBe('')
  })

  it('tells a step that failed', () => {
    expect(send(plainProgress(), vertex(started, at(6, 1_700_000_005), bytes(7, 'exit code: 3')))).toBe(
      '#1 [1/1] RUN x\n#1 ERROR: exit code: 3\n',
    )
  })

  it('is nothing for what is no trace', () => {
    expect(readTrace(Buffer.from('{"not":"protobuf"}').toString('base64'))).toEqual({
      vertexes: [],
      statuses: [],
      logs: [],
    })
    expect(readTrace('')).toEqual({ vertexes: [], statuses: [], logs: [] })
  })
})

describe('a step’s container', () => {
  const order = {
    label: { instance: 'a', project: 1, trust: 'develop' as const, run: 2, stage: 'unit', epoch: 3 },
    image: 'x',
    run: ['npm test', `echo '; rm -rf /'`],
    files: null,
    env: { A: 'b' },
    limits: { timeMs: 1, graceMs: 1, memoryBytes: 100, cpus: 8, pids: 5, diskBytes: 7 },
  }

  it('has no privileges, no mounts, no swap and its limits', () => {
    const { name, body } = containerSpec(order, 'sha256:x', 'net', 2)
    expect(name).toBe('sl-a-2-unit-3')
    expect(body.HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      Binds: [],
      Init: true,
      PidsLimit: 5,
      Memory: 100,
      MemorySwap: 100,
      NanoCpus: 2e9,
      NetworkMode: 'net',
    })
  })

  it('takes the commands as arguments, never as part of a script', () => {
    const { body } = containerSpec(order, 'sha256:x', 'net', 2)
    expect(body.Cmd).toEqual(order.run)
    expect(JSON.stringify(body.Entrypoint)).not.toContain('rm -rf')
  })

  it('works in /workspace when it has the commit’s files, else where its image says', () => {
    const files = () => process.stdin
    expect(containerSpec(order, 'x', 'net', 2).body.WorkingDir).toBeUndefined()
    expect(containerSpec({ ...order, files }, 'x', 'net', 2).body.WorkingDir).toBe('/workspace')
    expect(containerSpec({ ...order, files, workdir: 'api' }, 'x', 'net', 2).body.WorkingDir).toBe('/workspace/api')
  })
})

describe('the words of a verdict', () => {
  it('are short', () => {
    expect(shortCommand('npm test')).toBe('`npm test`')
    expect(shortCommand('a\nb')).toBe('`a…`')
    expect([1_500, 60_000, 90_000, 3_600_000].map(asDuration)).toEqual(['1.5 s', '1 min', '1 min 30 s', '60 min'])
    expect([50 * 2 ** 20, 1.5 * 2 ** 30].map(asSize)).toEqual(['50 MiB', '1.5 GiB'])
  })
})

describe('the name of an image', () => {
  it.each([
    ['node', { fromImage: 'node', tag: 'latest' }],
    ['node:22', { fromImage: 'node', tag: '22' }],
    ['reg:5000/a/b', { fromImage: 'reg:5000/a/b', tag: 'latest' }],
    ['reg:5000/a/b:1@sha256:ab', { fromImage: 'reg:5000/a/b', tag: 'sha256:ab' }],
  ])('%s is pulled as %j', (reference, asked) => {
    expect(nameAndTag(reference)).toEqual(asked)
  })
})
