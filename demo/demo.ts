// npm run demo: Shiplock with nothing configured, and a story with real git that shows what it is for.
//   --exit         stop everything after the story; exit 0, or 1 with the reason
//   --json FILE    also write what happened to FILE
import { readOptions } from './options'
import { heading } from './tell'

const options = readOptions(process.argv.slice(2))
if ('say' in options) {
  const { say, code } = options
  ;(code === 0 ? process.stdout : process.stderr).write(`${say}\n`)
  process.exit(code)
}
heading('Setting up')
// What it is made of takes seconds to load: the first line stands there before.
const { play } = await import('./play')
process.exit(await play(options))
