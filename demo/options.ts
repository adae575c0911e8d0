// What the demo is told on its command line, and what it says to what it does not know.
import { parseArgs } from 'node:util'

export interface Options {
  exit: boolean
  json: string | null
}
/** Said in place of the story. */
export interface Instead {
  say: string
  code: 0 | 2
}

const USAGE = 'npm run demo takes --exit (stop after the story) and --json FILE (also write what happened to FILE)'
const refuse = (what: string): Instead => ({ say: `demo: ${what}. ${USAGE}; both come after --`, code: 2 })

/** Pure. */
export function readOptions(args: readonly string[]): Options | Instead {
  const { tokens } = parseArgs({
    args: [...args],
    options: { exit: { type: 'boolean' }, json: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    strict: false,
    tokens: true,
  })
  const options: Options = { exit: false, json: null }
  for (const token of tokens) {
    if (token.kind === 'positional') return refuse(`it has no use for "${token.value}"`)
    if (token.kind === 'option-terminator') continue
    const { name, rawName, value } = token
    if (name === 'help') return { say: `${USAGE}.`, code: 0 }
    if (name === 'json') {
      if (value === undefined || value === '' || (!token.inlineValue && value.startsWith('-')))
        return refuse('--json needs the name of a file')
      options.json = value
    } else if (name === 'exit') {
      if (value !== undefined) return refuse('--exit takes no value')
      options.exit = true
    } else return refuse(`there is no option ${rawName}`)
  }
  return options
}
