import { describe, expect, it } from 'vitest'
import { cutText, MAX_CASES, MAX_REPORT, mostTelling, parseJunit } from '../../pipelines/junit'
import type { TestCase } from '../../pipelines/test-report'

const read = (text: string, clean?: (text: string) => string) => parseJunit(Buffer.from(text), clean)
const PASSED = { status: 'passed', ms: 0, message: '', output: '' }

describe('a JUnit report', () => {
  it('of Maven: one suite, one class, times in seconds', () => {
    const { cases, tally, problems } = read(`<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="com.acme.CartTest" time="1,234.5" tests="4">
  <properties><property name="java.version" value="21"/></properties>
  <testcase name="adds" classname="com.acme.CartTest" time="0.012"/>
  <testcase name="removes" classname="com.acme.CartTest" time="1,234.488">
    <failure message="expected: &lt;1&gt; but was: &lt;2&gt;" type="org.opentest4j.AssertionFailedError"><![CDATA[org.opentest4j.AssertionFailedError: expected: <1>
	at com.acme.CartTest.removes(CartTest.java:12)]]></failure>
    <system-out><![CDATA[cart has 2]]></system-out>
    <system-err>a &amp; b</system-err>
  </testcase>
  <testcase name="breaks" classname="com.acme.CartTest" time="0"><error type="java.lang.NullPointerException">at Cart</error></testcase>
  <testcase name="later" classname="com.acme.CartTest"><skipped message="not yet"/><system-out>quiet</system-out></testcase>
  <testcase name="flaky" classname="com.acme.CartTest"><flakyFailure message="once">x</flakyFailure></testcase>
  <system-out>of the suite</system-out>
</testsuite>`)
    expect(problems).toEqual([])
    expect(cases).toEqual([
      { suite: 'com.acme.CartTest', name: 'adds', status: 'passed', ms: 12, message: '', output: '' },
      {
        suite: 'com.acme.CartTest',
        name: 'removes',
        status: 'failed',
        ms: 1_234_488,
        message: 'expected: <1> but was: <2>',
        output:
          'org.opentest4j.AssertionFailedError: expected: <1>\n\tat com.acme.CartTest.removes(CartTest.java:12)\n\ncart has 2\na & b',
      },
      {
        suite: 'com.acme.CartTest',
        name: 'breaks',
        status: 'errored',
        ms: 0,
        message: 'java.lang.NullPointerException',
        output: 'at Cart',
      },
      { suite: 'com.acme.CartTest', name: 'later', status: 'skipped', ms: 0, message: 'not yet', output: '' },
      { suite: 'com.acme.CartTest', name: 'flaky', ...PASSED },
    ])
    expect(tally).toEqual({ total: 5, passed: 2, failed: 1, errored: 1, skipped: 1, ms: 1_234_500 })
  })

  it('of pytest, vitest and node: the suite is what tells most', () => {
    expect(
      read(
        '<testsuites><testsuite name="pytest"><testcase classname="tests.test_a" name="test_b"/></testsuite></testsuites>',
      ).cases[0]?.suite,
    ).toBe('tests.test_a')
    expect(
      read(
        '<testsuites><testsuite name="a.test.ts"><testcase classname="a.test.ts" name="b &gt; c"/></testsuite></testsuites>',
      ).cases[0],
    ).toMatchObject({ suite: 'a.test.ts', name: 'b > c' })
    expect(
      read(
        '<testsuites><testsuite name="math"><testsuite name="add"><testcase classname="test" name="one"/></testsuite><testcase name="two"/></testsuite><testcase classname="test" name="three"/></testsuites>',
      ).cases.map((c) => `${c.suite}: ${c.name}`),
    ).toEqual(['math › add: one', 'math: two', 'test: three'])
  })

  it('may say why in the text alone', () => {
    expect(
      read('<testsuite><testcase name="a"><failure>\n\n  no\n  at b</failure></testcase></testsuite>').cases[0],
    ).toMatchObject({ message: 'no', output: 'no\n  at b' })
  })

  it('that fails twice is one case with both texts', () => {
    const { cases } = read(
      '<testsuite><testcase name="a"><failure message="one">1 </failure><failure message="two">2</failure><error>3</error></testcase></testsuite>',
    )
    expect(cases).toHaveLength(1)
    expect(cases[0]).toMatchObject({ status: 'errored', output: '3' })
  })

  it.each([
    ['0.5', 500],
    ['0,5', 500],
    ['1e-3', 1],
    ['1,234,567.5', 1_234_567_500],
    ['', 0],
    ['-1', 0],
    ['NaN', 0],
    ['soon', 0],
    ['1e300', 2 ** 31 - 1],
    ['9'.repeat(100), 0],
  ])('with the time "%s" took %s ms', (time, ms) => {
    expect(read(`<testsuite><testcase name="a" time="${time}"/></testsuite>`).cases[0]?.ms).toBe(ms)
  })

  it('may start with a byte order mark, and say in which encoding it is', () => {
    const report = '<testsuite><testcase name="é"/></testsuite>'
    for (const head of [
      '\ufeff',
      '<?xml version="1.0" encoding="utf-8"?>',
      "\ufeff<?xml version='1.0' encoding='UTF-8'?>",
    ])
      expect(read(head + report).cases[0]?.name).toBe('é')
    expect(
      read('<?xml version="1.0" encoding="ISO-8859-1"?><testsuite><testcase name="e"/></testsuite>').problems,
    ).toEqual([])
  })

  it('may hold the colours of a terminal', () => {
    const { cases, problems } = read(
      '<testsuite><testcase name="a"><failure>\u001b[31mno\u001b[0m\0</failure></testcase></testsuite>',
    )
    expect(problems).toEqual([])
    expect(cases[0]?.output).toBe('\ufffd[31mno\ufffd[0m\ufffd')
  })

  it('may have names with a prefix, and elements of its own', () => {
    const { tally } = read(
      '<j:testsuites xmlns:j="urn:x"><j:testsuite><j:testcase name="a"><x:note><x:failure/></x:note></j:testcase></j:testsuite></j:testsuites>',
    )
    expect(tally).toMatchObject({ total: 1, passed: 1 })
  })

  it('without cases has none', () => {
    expect(read('<testsuites/>')).toEqual({
      cases: [],
      tally: { total: 0, passed: 0, failed: 0, errored: 0, skipped: 0, ms: 0 },
      problems: [],
    })
  })
})

describe('what cannot be read', () => {
  it.each([
    ['an empty file', '', 'is empty'],
    ['white space', ' \n', 'is empty'],
    ['no XML', 'ok 1 - a\n', 'is not a readable report: 2:0: text data outside of root node.'],
    [
      'another document',
      '<html></html>',
      'is not a readable report: its root is <html>, expected <testsuites> or <testsuite>',
    ],
    ['a page', '<!DOCTYPE html><html><br></html>', 'is not a readable report: its root is <html>, expected'],
    ['two roots', '<testsuite/><testsuite/>', 'is not a readable report: 1:23: documents may contain only one root.'],
    ['an unknown entity', '<testsuite name="&nope;"/>', 'is not a readable report: 1:23: undefined entity.'],
    [
      'an entity of JavaScript',
      '<testsuite name="&constructor;"/>',
      'is not a readable report: 1:30: undefined entity.',
    ],
    ['half a pair', '<testsuite name="&#xD800;"/>', 'is not a readable report: 1:25: malformed character entity.'],
  ])('of %s is said', (_what, text, problem) => {
    const { cases, problems } = read(text)
    expect(cases).toEqual([])
    expect(problems).toEqual([expect.stringContaining(problem)])
  })

  it('is another encoding than UTF-8', () => {
    expect(parseJunit(Buffer.from('<testsuite/>', 'utf16le')).problems).toHaveLength(1)
    expect(parseJunit(Buffer.from('\ufeff<testsuite/>', 'utf16le')).problems).toEqual(['is not UTF-8'])
    expect(parseJunit(Buffer.from('<testsuite name="\u00e9"/>', 'latin1')).problems).toEqual(['is not UTF-8'])
    expect(read('<?xml version="1.0" encoding="windows-1252"?><testsuite name="é"/>').problems).toEqual([
      'says that it is windows-1252: reports are read as UTF-8',
    ])
  })

  it('does not undo what was read before', () => {
    const { cases, problems } = read('<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure>x</fail')
    expect(cases.map((c) => c.name)).toEqual(['a'])
    expect(problems).toHaveLength(1)
  })
})

describe('a hostile report', () => {
  it('reads no file and asks no address', () => {
    const { cases, problems } = read(
      '<?xml version="1.0"?><!DOCTYPE testsuite [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % y SYSTEM "http://127.0.0.1/"> %y;]><testsuite><testcase name="a"/><testcase name="&x;"/></testsuite>',
    )
    expect(JSON.stringify(cases)).not.toContain('root')
    expect(problems).toEqual([expect.stringContaining('undefined entity')])
  })

  it('does not laugh a billion times', () => {
    const laughs = Array.from({ length: 10 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('')
    const { cases, problems } = read(
      `<!DOCTYPE testsuite [<!ENTITY l0 "ha">${laughs}]><testsuite><testcase name="&l9;"/></testsuite>`,
    )
    expect(cases).toEqual([])
    expect(problems).toHaveLength(1)
  })

  it('is not read where it is too large or nested too deeply', () => {
    expect(parseJunit(Buffer.alloc(MAX_REPORT + 1, ' ')).problems).toEqual(['is larger than 5 MiB'])
    expect(read('<testsuite>'.repeat(200_000)).problems).toEqual([
      'is not a readable report: it is nested deeper than 100 elements',
    ])
  })

  it('of very many cases keeps those that tell most, and counts all', () => {
    const many = '<testcase name="a"/>'.repeat(40_000)
    const { cases, tally } = read(
      `<testsuite>${many}<testcase name="bad"><failure/></testcase>${many}<testcase><error/></testcase></testsuite>`,
    )
    expect(cases).toHaveLength(MAX_CASES)
    expect(cases.slice(-2).map((c) => c.status)).toEqual(['failed', 'errored'])
    expect(tally).toMatchObject({ total: 80_002, passed: 80_000, failed: 1, errored: 1 })
  })

  it('is counted no further than is of use', () => {
    const { tally, problems } = read(`<testsuite>${'<testcase/>'.repeat(200_000)}</testsuite>`)
    expect(tally.total).toBe(100_000)
    expect(problems).toEqual(['is not a readable report: it holds more than 100000 cases'])
  })

  it('of very long texts is cut, never within a character', () => {
    const long = '漢'.repeat(100_000)
    const [first] = read(
      `<testsuite><testcase name="${long}" classname="${long}2"><failure message="${long}">${long}</failure></testcase></testsuite>`,
    ).cases
    for (const [text, most] of [
      [first?.name, 1024],
      [first?.suite, 1024],
      [first?.message, 8192],
      [first?.output, 8192],
    ] as const) {
      expect(Buffer.byteLength(text ?? '')).toBeLessThanOrEqual(most)
      expect(text).toMatch(/^漢+…$/)
    }
  })

  it.each([
    ['attributes', `<testsuite ${Array.from({ length: 200_000 }, (_, i) => `a${i}=""`).join(' ')}/>`],
    ['one attribute', `<testsuite name="${'a'.repeat(4_000_000)}"/>`],
    [
      'pieces of text',
      `<testsuite><testcase><failure>${'<![CDATA[a]]>'.repeat(300_000)}</failure></testcase></testsuite>`,
    ],
    ['cases in cases', `<testsuite>${'<testcase>'.repeat(400_000)}`],
    ['comments', `<testsuite>${'<!---->'.repeat(500_000)}</testsuite>`],
    ['white space', `<testsuite><testcase><failure>${' '.repeat(4_000_000)}x</failure></testcase></testsuite>`],
    ['lines', `<testsuite><testcase><failure>${'\n'.repeat(4_000_000)}x</failure></testcase></testsuite>`],
  ])('of very many %s is read soon', (_what, text) => {
    const before = process.cpuUsage()
    expect(read(text).cases.length).toBeLessThanOrEqual(1)
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(5_000)
  })
})

describe('secrets', () => {
  it('are taken out of every text before it is cut', () => {
    const clean = (text: string) => text.replaceAll('hunter2', '[masked]')
    const filler = 'x'.repeat(8180)
    const { cases } = read(
      `<testsuite name="hunter2"><testcase name="a hunter2"><failure message="hunter2">${filler} hunter2</failure><system-out>hunter2</system-out></testcase></testsuite>`,
      clean,
    )
    expect(JSON.stringify(cases)).not.toContain('hunt')
    expect(cases[0]).toMatchObject({ suite: '[masked]', name: 'a [masked]', message: '[masked]' })
  })
})

describe('of more cases than are kept', () => {
  const cases = [...'pfpspep'].map((c, i): TestCase => {
    const status = { p: 'passed', f: 'failed', s: 'skipped', e: 'errored' }[c] as TestCase['status']
    return { suite: '', name: String(i), status, ms: 0, message: '', output: '' }
  })
  it.each([
    [7, '0123456'],
    [4, '0125'],
    [2, '15'],
    [1, '1'],
    [0, ''],
  ])('the %s that tell most are %j, in their order', (most, names) => {
    expect(
      mostTelling(cases, most)
        .map((c) => c.name)
        .join(''),
    ).toBe(names)
  })

  it('a text that fits is left as it is', () => {
    expect(cutText('é', 2)).toBe('é')
    expect(cutText('éé', 3)).toBe('…')
  })
})
