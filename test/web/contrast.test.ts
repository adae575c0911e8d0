import fs from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = fs.readFileSync(new URL('../../app/globals.css', import.meta.url), 'utf8')
const tokens = new Map(
  [...css.matchAll(/--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map((m) => [
    m[1] ?? '',
    { light: m[2] ?? '', dark: m[3] ?? '' },
  ]),
)
const THEMES = ['light', 'dark'] as const

const colourOf = (name: string, theme: 'light' | 'dark') => tokens.get(name)?.[theme] ?? ''

/** Relative luminance, as WCAG 2 defines it. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (light + 0.05) / (dark + 0.05)
}

const TONES = ['ok', 'run', 'wait', 'queue', 'fail', 'err', 'refuse', 'mute']
const TEXTS = ['ink', 'soft', 'faint', 'accent', ...TONES]

describe('colours', () => {
  it.each(TEXTS.flatMap((text) => ['surface', 'ground', 'raised', 'log'].map((ground) => [text, ground])))(
    'text %s reads on %s',
    (text, ground) => {
      for (const theme of THEMES)
        expect(contrast(colourOf(text ?? '', theme), colourOf(ground ?? '', theme)), theme).toBeGreaterThanOrEqual(4.5)
    },
  )

  it.each(TONES)('a badge of %s reads, and so does plain text on its ground', (tone) => {
    for (const theme of THEMES) {
      for (const text of [tone, 'ink', 'soft'])
        expect(
          contrast(colourOf(text, theme), colourOf(`${tone}-ground`, theme)),
          `${text} ${theme}`,
        ).toBeGreaterThanOrEqual(4.5)
    }
  })

  it('a button reads, pointed at or not', () => {
    for (const theme of THEMES) {
      for (const ground of ['accent', 'accent-strong'])
        expect(contrast(colourOf('on-accent', theme), colourOf(ground, theme))).toBeGreaterThanOrEqual(4.5)
      expect(contrast(colourOf('accent', theme), colourOf('accent-ground', theme))).toBeGreaterThanOrEqual(4.5)
    }
  })

  it('the edge of what is typed into is seen', () => {
    for (const theme of THEMES)
      expect(contrast(colourOf('edge', theme), colourOf('surface', theme))).toBeGreaterThanOrEqual(3)
  })

  it('the colours of a program read on the ground of the log', () => {
    const sgr = [...css.matchAll(/\.sgr-[a-z0-9]+ \{\s*color: light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)]
    expect(sgr.length).toBe(9)
    for (const [, light = '', dark = ''] of sgr) {
      expect(contrast(light, colourOf('log', 'light')), light).toBeGreaterThanOrEqual(4.5)
      expect(contrast(dark, colourOf('log', 'dark')), dark).toBeGreaterThanOrEqual(4.5)
    }
  })
})
