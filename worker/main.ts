// The worker's composition root: the only place that knows which engine there is.
import { dockerEngine } from '../pipelines/engines/docker'
import { lossOf, whyWrongAddress } from '../prisma/database-loss'
import { readConfig } from './config'
import { runWorker } from './run'

// Whoever read our output may be gone before us: without this, telling so would fail too, and so on for ever.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

/** cli/up.ts starts it again, and does not take it for a program that crashes. */
const DATABASE_AWAY = 75

const read = readConfig(process.env)
if ('problems' in read) {
  console.error('The worker cannot start. Its configuration has problems:')
  for (const problem of read.problems) console.error(`  ${problem}`)
  process.exit(2)
}
runWorker(read.config, dockerEngine({}, read.config.BUILD_LIMITS === 'required')).catch((error: unknown) => {
  const wrong = whyWrongAddress(error)
  console.error('The worker cannot start:', wrong ?? error)
  if (wrong !== null) process.exit(2)
  process.exit(lossOf(error) === null ? 1 : DATABASE_AWAY)
})
