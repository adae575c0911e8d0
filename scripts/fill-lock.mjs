// npm run lock, after package-lock.json changed: npm leaves out optional platform packages that the registry did not have when
// the lock was made, and `npm ci` then refuses the lock. A stub with the version, the system and the processor is enough for it.
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'

const SYSTEMS = ['darwin', 'win32', 'linux', 'freebsd', 'android', 'aix', 'openharmony', 'sunos', 'netbsd', 'openbsd']
const PROCESSORS = ['arm64', 'x64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el', 'wasm32']

const file = fileURLToPath(new URL('../package-lock.json', import.meta.url))
const lock = JSON.parse(fs.readFileSync(file, 'utf8'))
const packages = lock.packages
let added = 0

for (const [place, entry] of Object.entries({ ...packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (packages[`node_modules/${name}`] || packages[`${place}/node_modules/${name}`]) continue
    const parts = name.split(/[-/]/)
    const os = SYSTEMS.filter((s) => parts.includes(s))
    const cpu = PROCESSORS.filter((c) => parts.includes(c) || (c === 'arm' && parts.some((p) => /^armv\d/.test(p))))
    if (!/^\d/.test(version) || (os.length === 0 && cpu.length === 0)) {
      console.log(`left out: ${name}@${version} of ${place} (no exact version, or no platform in its name)`)
      continue
    }
    packages[`node_modules/${name}`] = {
      version,
      ...(cpu.length > 0 ? { cpu } : {}),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      ...(os.length > 0 ? { os } : {}),
    }
    added += 1
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)))
if (added > 0) fs.writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} platform packages added to the lock`)
