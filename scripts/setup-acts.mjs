// Brings what is missing. Each act says what it is, does it, and throws with the reason when it cannot.
import { setTimeout as sleep } from 'node:timers/promises'
import { clientIsCurrent, generateClient } from './generate.mjs'
import { buildDashboard } from './setup-build.mjs'
import { startEngine, writeEngineSettings } from './setup-engine.mjs'
import { runLogged } from './setup-run.mjs'

/** @type {Record<import('./setup-decide.mjs').Act, { says: (packages: string[]) => string, does: (packages: string[], note: (text: string) => void) => Promise<void>, needless?: () => boolean }>} */
export const ACTS = {
  modules: { says: () => 'npm packages', does: (_, note) => installModules(note) },
  apt: { says: (names) => `Debian packages ${names.join(', ')}`, does: installPackages },
  engine: { says: () => 'Docker engine', does: startEngine },
  // An install makes it as well, unless install scripts are off.
  client: { says: () => "Prisma's client", does: async () => generateClient(), needless: clientIsCurrent },
  build: { says: () => "the dashboard's production build", does: buildDashboard },
  optional: {
    says: (names) => `Debian package ${names.join(', ')} (optional)`,
    does: (names, note) => installPackages(names).catch(() => note('not to be had; going on without it')),
  },
}

async function installModules(note) {
  const npm = (args) => {
    const options = { name: 'npm', env: withoutOmit(), timeoutMs: 900_000 }
    const self = process.env.npm_execpath
    return self ? runLogged(process.execPath, [self, ...args], options) : runLogged('npm', args, options)
  }
  // Without "--include=dev" an environment that says production would leave the test runner out.
  const args = ['--include=dev', '--no-audit', '--no-fund']
  try {
    await npm(['ci', ...args])
  } catch (error) {
    const refused = /EUSAGE|EBADPLATFORM|can only install packages when/.test(String(error))
    if (!refused) throw error
    note('npm ci refuses the lock file (npm run lock repairs it), so npm install was used')
    await npm(['install', '--no-save', ...args])
  }
}

function withoutOmit() {
  const { npm_config_omit: _, NODE_ENV: __, ...env } = process.env
  return env
}

const APT = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' }

async function installPackages(names) {
  await aptUpdate()
  if (names.includes('docker.io')) writeEngineSettings()
  const options = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Options::=--force-confold']
  await runLogged('apt-get', ['install', '-y', '--no-install-recommends', ...options, '--', ...names], {
    name: 'apt',
    env: APT,
    timeoutMs: 900_000,
  })
}

/** Old lists name files that are gone. Another apt-get may be at it: its lock cannot be waited for by an option. */
async function aptUpdate() {
  for (let attempt = 1; ; attempt++) {
    try {
      await runLogged('apt-get', ['update'], { name: 'apt', env: APT, timeoutMs: 300_000 })
      return
    } catch (error) {
      if (attempt === 20 || !/Could not get lock/.test(String(error))) throw error
      await sleep(3_000)
    }
  }
}
