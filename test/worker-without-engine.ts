// A worker of its own process whose engine runs nothing: what the flow does beside containers, at speed. Files in its state
// folder make it worse: `engine-away` loses every answer, `clock-off` sets its clock two days ahead.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../pipelines/engines/engine'
import { Fault } from '../pipelines/fault'
import { readConfig } from '../worker/config'
import { runWorker } from '../worker/run'

const read = readConfig(process.env)
if ('problems' in read) throw new Error(read.problems.join('; '))
const { config } = read
const is = (name: string) => existsSync(join(process.env.SHIPLOCK_STATE ?? '', name))

const now = Date.now.bind(Date)
Date.now = () => now() + (is('clock-off') ? 2 * 86_400_000 : 0)

/** The work is done, and the answer is lost. */
const answered = <T>(answer: T): T => {
  if (is('engine-away')) throw new Fault('engine.unreachable', 'the engine of this test is away')
  return answer
}

const engine: Engine = {
  ensureReady: async () => answered({ version: 'none' }),
  builder: async () => ({ platform: 'linux/amd64', heredocs: false }),
  image: async (digest) => answered({ digest, labels: {} }),
  baseDigest: async () => null,
  tag: async () => {},
  build: async () =>
    answered({ ok: true, because: 'built', exitCode: null, digest: `sha256:${'1'.repeat(64)}`, bases: [] }),
  run: async (order, log) => {
    await log(Buffer.from(`${order.run.join('\n')}\n`))
    await sleep(Number(process.env.STEP_MS ?? 5))
    return answered({ ok: true, because: 'it ran', exitCode: 0 })
  },
  cleanUp: async () => {},
  pruneCaches: async () => answered(0),
  list: async () => answered([]),
  remove: async () => {},
  removeAll: async () => {},
}

await runWorker(config, engine)
