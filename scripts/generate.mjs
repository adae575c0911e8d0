// Makes Prisma's client from prisma/schema.prisma, unless it is there already. Runs after every install, and before anything
// that needs the client. Node built-ins only.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = path.join(root, 'prisma/generated/.made-from')

/** What the client is made from: the schema, and the generator of this version. */
function source() {
  const hash = createHash('sha256')
  for (const file of [
    'prisma/schema.prisma',
    'node_modules/prisma/package.json',
    'node_modules/@prisma/client/package.json',
  ]) {
    const full = path.join(root, file)
    if (fs.existsSync(full)) hash.update(fs.readFileSync(full))
  }
  return hash.digest('hex')
}

export const clientIsCurrent = () => fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === source()

/** Throws with what Prisma said. */
export function generateClient() {
  const made = source()
  const prisma = path.join(root, 'node_modules/prisma/build/index.js')
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [prisma, 'generate', '--no-hints'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  })
  if (error || status !== 0)
    throw new Error(`prisma generate failed:\n${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`)
  fs.writeFileSync(stamp, made)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href && !clientIsCurrent()) {
  try {
    generateClient()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
