import { readFileSync } from 'node:fs'
import { TEMPLATE_NAMES, type TemplateName } from '../service-schema'

// Part of the program, so read once, as it starts.
const TEXTS = Object.fromEntries(
  TEMPLATE_NAMES.map((name) => [name, readFileSync(new URL(`./${name}.Dockerfile`, import.meta.url), 'utf8')]),
) as Record<TemplateName, string>

/**
 * The whole text of a Dockerfile. A parameter replaces the value of the `ARG` of its name at the top of the template, so
 * that the template itself is a Dockerfile that anybody may copy. Throws where a template has no such parameter, or the
 * value is no single word: both are mistakes of an installation's configuration.
 */
export function renderTemplate(name: TemplateName, params: Readonly<Record<string, string>>): string {
  let text = TEXTS[name]
  for (const [param, value] of Object.entries(params)) {
    const line = new RegExp(`^ARG ${/^[A-Z_]+$/.test(param) ? param : '(?!)'}=.*$`, 'm')
    if (!line.test(text)) throw new Error(`template ${name} has no parameter ${param}`)
    if (!/^[!-~]+$/.test(value)) throw new Error(`template ${name}: the value of ${param} is not a single word`)
    text = text.replace(line, () => `ARG ${param}=${value}`)
  }
  return text
}

/**
 * The Dockerfile of a template with the images that are configured: `bases.node` replaces the base of node, and
 * `bases['go-runtime']` what a service in Go runs on.
 */
export function dockerfileOf(name: TemplateName, bases: Readonly<Record<string, string>>): string {
  const params: Record<string, string> = {}
  if (Object.hasOwn(bases, name)) params.BASE = bases[name] ?? ''
  if (Object.hasOwn(bases, `${name}-runtime`)) params.RUNTIME = bases[`${name}-runtime`] ?? ''
  return renderTemplate(name, params)
}
