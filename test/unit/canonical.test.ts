import { describe, expect, it } from 'vitest'
import { canonical, hashOf, type Json, sha256, Unwritable } from '../../audit/canonical'

describe('canonical JSON, as RFC 8785 has it', () => {
  it('the example of the RFC, character by character', () => {
    const value = {
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    }
    expect(canonical(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })
  it('keys stand in the order of their UTF-16 code units, at every depth', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    expect([...canonical(value).matchAll(/"([^"]+)"/g)].map((m) => m[1]).filter((_, i) => i % 2 === 1)).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ])
    expect(canonical({ b: { z: 1, a: 2 }, a: [{ y: 1, x: 2 }] })).toBe('{"a":[{"x":2,"y":1}],"b":{"a":2,"z":1}}')
  })
  it.each<[string, number, string]>([
    ['zero has no sign', -0, '0'],
    ['the smallest', 5e-324, '5e-324'],
    ['the largest', 1.7976931348623157e308, '1.7976931348623157e+308'],
    ['the largest safe whole number', 9007199254740991, '9007199254740991'],
    ['the last without an exponent', 999999999999999900000, '999999999999999900000'],
    ['the first with one', 1e21, '1e+21'],
    ['a small one', 0.000001, '0.000001'],
    ['a smaller one', 0.0000001, '1e-7'],
    ['what cannot be written exactly', 0.1 + 0.2, '0.30000000000000004'],
  ])('numbers: %s', (_what, value, text) => expect(canonical(value)).toBe(text))
  it.each<[string, string, string]>([
    ['characters of other scripts stay as they are', '发布 Ärger é', '"发布 Ärger é"'],
    ['what looks the same and is another is kept apart', 'e\u0301', '"e\u0301"'],
    ['a character of two halves stays whole', '\ud83d\ude00', '"😀"'],
    [
      'control characters are escaped, the short way where there is one',
      '\b\t\n\f\r\u0000\u001f',
      '"\\b\\t\\n\\f\\r\\u0000\\u001f"',
    ],
    ['a slash and the line separators are not', '/\u2028\u2029\u007f', '"/\u2028\u2029\u007f"'],
  ])('text: %s', (_what, value, text) => expect(canonical(value)).toBe(text))
  it('a member without a value is left out, null is not', () =>
    expect(canonical({ a: undefined, b: null })).toBe('{"b":null}'))
  it.each<[string, Json]>([
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['half a character', 'a\ud83d'],
    ['the other half', '\ude00b'],
    ['half a character as a key', { '\ud83d': 1 }],
  ])('cannot be written: %s', (_what, value) => expect(() => canonical(value)).toThrow('cannot be written as JSON'))
  it('D3: what is nested thousands of times has no form, and that is an answer and no lack of stack', () => {
    const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as Json
    expect(canonical(nested(1_000))).toHaveLength(2_000)
    for (const depth of [1_002, 5_000, 100_000]) {
      expect(() => canonical(nested(depth))).toThrow(Unwritable)
      expect(() => canonical({ a: { b: nested(depth) } })).toThrow('cannot be written as JSON')
    }
  })
  it('what it wrote, read and written again, is the same', () => {
    const value = { z: [1, -0.5, 'ü', { q: null }], a: { '': '', '\n': true } }
    const text = canonical(value)
    expect(canonical(JSON.parse(text) as Json)).toBe(text)
    expect(hashOf(value)).toBe(sha256(text))
  })
})
