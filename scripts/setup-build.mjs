// The dashboard's production build: made anew only when a file that goes into it has changed.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { runLogged } from './setup-run.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = path.join(root, '.next/shiplock-build-id')
const SETTINGS = [
  'next.config.ts',
  'next.config.mjs',
  'postcss.config.mjs',
  'package-lock.json',
  'prisma/schema.prisma',
]
const FOLDERS = ['app', 'messages', 'public']
/** The server in front of Next is no part of the build; what a page imports from it is found by the import. */
const APART = path.join(root, 'app/_server')
const ENDINGS = ['', '.ts', '.tsx', '.mjs', '.js', '.json', '/index.ts', '/index.tsx']

/** Every file that goes into the build: the pages, and what they import from the rest of the tree. */
function inputs() {
  const seen = new Set()
  const queue = [...SETTINGS.map((f) => path.join(root, f)), ...FOLDERS.flatMap((dir) => filesIn(path.join(root, dir)))]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file) || !isFile(file)) continue
    seen.add(file)
    if (/\.([cm]?[jt]sx?|css)$/.test(file)) queue.push(...importsOf(file))
  }
  return [...seen].sort()
}

function filesIn(dir) {
  if (!fs.existsSync(dir) || dir === APART) return []
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(dir, entry.name)
    return entry.isDirectory() ? filesIn(full) : [full]
  })
}

function importsOf(file) {
  const text = fs.readFileSync(file, 'utf8')
  return [...text.matchAll(/(?:from|import|import\()\s*['"](\.{1,2}\/[^'"]+)['"]/g)].flatMap(([, target = '']) => {
    const found = ENDINGS.map((ending) => path.resolve(path.dirname(file), target + ending)).find(isFile)
    // The generated client is as the schema says, and the schema is hashed.
    return found && !found.startsWith(path.join(root, 'prisma/generated')) ? [found] : []
  })
}

const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false

export const buildId = {
  /** The hash of all inputs; '' where there is no dashboard yet. */
  now() {
    if (!fs.existsSync(path.join(root, 'app/layout.tsx'))) return ''
    const hash = createHash('sha256')
    for (const file of inputs())
      hash.update(path.relative(root, file)).update('\0').update(fs.readFileSync(file)).update('\0')
    return hash.digest('hex')
  },
  current() {
    const now = buildId.now()
    return now === '' || (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === now)
  },
}

/** Throws with the end of the build's output. */
export async function buildDashboard() {
  const id = buildId.now() // before the build: what is changed meanwhile is built the next time
  fs.rmSync(stamp, { force: true })
  await runLogged(process.execPath, [path.join(root, 'node_modules/next/dist/bin/next'), 'build'], {
    name: 'next-build',
    env: { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
    timeoutMs: 900_000,
  })
  fs.writeFileSync(stamp, id)
}
