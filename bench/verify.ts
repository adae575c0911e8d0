// What an outsider waits for: 100,000 entries verified by one file, in which memory, and what one sign-off of it costs.
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cleanUp, makeFolder } from '../demo/leftovers'
import { alternate, type Figure, median, show, spread, table } from './measure'
import { seedExport } from './seed-export'

const VERIFIER = fileURLToPath(new URL('../audit/verify.mjs', import.meta.url))
const ENTRIES = 100_000
const SIGNOFFS = 500
const PAIRS = 4
const MOST_S = 5
const MOST_MB = 256
const MOST_MS = 50
/** Told by the process itself at its end: the most memory it ever had. */
const TELL = `data:text/javascript,process.on('exit',()=>process.stderr.write(String(process.resourceUsage().maxRSS)))`

const run = promisify(execFile)

interface Verified {
  seconds: number
  mb: number
}

async function verified(path: string, key: string): Promise<Verified> {
  const begun = performance.now()
  const { stdout, stderr } = await run(process.execPath, ['--import', TELL, VERIFIER, path, '--key', key, '--json'])
  const seconds = (performance.now() - begun) / 1000
  const { verdict, entries } = JSON.parse(stdout) as { verdict: string; entries: number }
  if (verdict !== 'ok' || entries !== ENTRIES) throw new Error(`the export was not verified: ${stdout}`)
  return { seconds, mb: Number(stderr) / 1024 }
}

/** The same bytes through sha256sum: the least that anybody who looks at all of them must do. */
async function summed(dir: string): Promise<number> {
  const begun = performance.now()
  await run('sha256sum', [join(dir, 'events.ndjson')])
  return (performance.now() - begun) / 1000
}

export async function verify(): Promise<Figure> {
  const dir = makeFolder()
  try {
    mkdirSync(join(dir, 'exports'))
    const [bare, full, zip] = ['bare', 'full', 'export.zip'].map((name) => join(dir, 'exports', name)) as [
      string,
      string,
      string,
    ]
    const seeded = await seedExport(bare, ENTRIES, 0)
    const other = await seedExport(full, ENTRIES, SIGNOFFS)
    const packed = await seedExport(zip, ENTRIES, 0)
    const pairs = await alternate(
      PAIRS,
      () => verified(bare, seeded.key),
      () => verified(full, other.key),
    )
    const zipped = await verified(zip, packed.key)
    const sums = [await summed(bare), await summed(bare), await summed(bare)]
    const seconds = spread(pairs.map(({ a }) => a.seconds))
    const mb = Math.max(zipped.mb, ...pairs.flatMap(({ a, b }) => [a.mb, b.mb]))
    const signoff = spread(pairs.map(({ a, b }) => ((b.seconds - a.seconds) * 1000) / SIGNOFFS))
    return {
      name: 'verify',
      what: `${ENTRIES} entries of an export verified, chain, tree, ${seeded.checkpoints} checkpoints and manifest, by audit/verify.mjs; one sign-off of it`,
      against: 'sha256sum of the same bytes',
      aim: `≤ ${MOST_S} s, ≤ ${MOST_MB} MB; a sign-off ≤ ${MOST_MS} ms`,
      measured: `${show(seconds, 2, ' s')}, at most ${mb.toFixed(0)} MB; a sign-off ${show(signoff, 2, ' ms')}`,
      met: seconds.median <= MOST_S && mb <= MOST_MB && signoff.median <= MOST_MS,
      where: [
        table(
          ['', 'seconds', 'MB of memory'],
          [
            ['folder', seconds.median.toFixed(2), median(pairs.map(({ a }) => a.mb)).toFixed(0)],
            [
              `folder with ${SIGNOFFS} sign-offs`,
              median(pairs.map(({ b }) => b.seconds)).toFixed(2),
              median(pairs.map(({ b }) => b.mb)).toFixed(0),
            ],
            ['zip', zipped.seconds.toFixed(2), zipped.mb.toFixed(0)],
            ['sha256sum of events.ndjson', median(sums).toFixed(2), '–'],
          ],
        ),
        `Each is a process of its own, its start included. The entries are ${(seeded.bytes / 1e6).toFixed(0)} MB. A sign-off is its statement, its passkey's certificate and its assertion, as the difference between the two folders over ${SIGNOFFS}; reading its two files is in it.`,
      ],
    }
  } finally {
    await cleanUp(dir)
  }
}
