// The demo forge alone: node --import tsx demo/forge/main.ts --dir FOLDER [--port N]
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { startForge } from './forge'

const { values } = parseArgs({ options: { dir: { type: 'string' }, port: { type: 'string', default: '0' } } })
if (values.dir === undefined) {
  console.error('Say where its repositories live: --dir FOLDER')
  process.exit(2)
}
const forge = await startForge({ dir: values.dir, port: Number(values.port) })
const password = randomBytes(12).toString('base64url')
const root = await forge.addUser({ username: 'root', name: 'Administrator', password, admin: true })
console.log(`demo forge at ${forge.url}, user root, password ${password}, token ${root.token}`)
const stop = () => void forge.close().then(() => process.exit(0))
process.on('SIGINT', stop)
process.on('SIGTERM', stop)
