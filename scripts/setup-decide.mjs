// What a command needs, as a table, and what is to be done about what is missing, as a pure function of the facts.

/** @typedef {'demo' | 'start' | 'dev' | 'test' | 'bench' | 'check'} Command */
/**
 * @typedef {object} Facts
 * @property {string} node version of the running Node
 * @property {boolean} modules node_modules holds what package-lock.json says
 * @property {boolean} client Prisma's client was made from the schema
 * @property {boolean} build the dashboard's production build is of these sources; true where there is no dashboard yet
 * @property {'answers' | 'denied' | 'silent'} engine what the Docker engine did when it was asked
 * @property {string} dockerHost DOCKER_HOST, '' when not set
 * @property {boolean} dockerd the engine is installed
 * @property {Record<string, boolean>} packages Debian packages that are there, by name
 * @property {boolean} apt Debian or Ubuntu
 * @property {boolean} root
 * @property {boolean} mac
 */
/** @typedef {'modules' | 'apt' | 'optional' | 'engine' | 'client' | 'build'} Act in this order they are done */
/**
 * @typedef {object} Decision
 * @property {{ act: Act, packages: string[] }[]} acts
 * @property {string[]} sentences what we may not or cannot do; then nothing is done
 * @property {string[]} missing all that is missing, in words
 */

export const OLDEST_NODE = '20.19.0'

const REAL = ['git', 'busybox-static']
/** For the tests: a queue, a browser with a Chinese font, and the bridge of a second engine, which is there to be killed. */
const TESTED = ['redis-server', 'chromium', 'fonts-wqy-microhei', 'iproute2']
/** The same browser without windows: a page opens in a third of the time. Not every Debian has it. */
const QUICKER = ['chromium-headless-shell']

/** @type {Record<Command, { packages: string[], optional: string[], engine: boolean, build: boolean }>} */
export const NEEDS = {
  demo: { packages: REAL, optional: [], engine: true, build: true },
  start: { packages: ['git'], optional: [], engine: true, build: true },
  dev: { packages: ['git'], optional: [], engine: true, build: false },
  test: { packages: [...REAL, ...TESTED], optional: QUICKER, engine: true, build: true },
  bench: { packages: [...REAL, ...TESTED], optional: [...QUICKER, 'postgresql-contrib'], engine: true, build: true },
  check: { packages: [], optional: [], engine: false, build: false },
}

/** Why this Node cannot run it, or null. @param {string} version */
export function refuseNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldMajor = 0, oldMinor = 0] = OLDEST_NODE.split('.').map(Number)
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor)) return null
  return `Shiplock needs Node ${OLDEST_NODE} or newer, and this is ${version}: install a newer one from your distribution or nodejs.org`
}

/** @param {Command} command @param {Facts} facts @returns {Decision} */
export function decide(command, facts) {
  const need = NEEDS[command]
  const packages = need.packages.filter((name) => !facts.packages[name])
  const optional = need.optional.filter((name) => !facts.packages[name])
  const engine = need.engine && facts.engine !== 'answers'
  const engineSentence = engine ? refuseEngine(facts) : null
  const canApt = facts.apt && facts.root
  const install = engine && !engineSentence && !facts.dockerd ? [...packages, 'docker.io'] : packages

  /** @type {Decision} */
  const decision = { acts: [], sentences: [], missing: [] }
  const want = (
    /** @type {boolean} */ wanted,
    /** @type {Act} */ act,
    /** @type {string} */ words,
    /** @type {string[]} */ names = [],
  ) => {
    if (!wanted) return
    decision.acts.push({ act, packages: names })
    decision.missing.push(words)
  }
  want(!facts.modules, 'modules', 'npm packages')
  want(install.length > 0, 'apt', install.join(', '), install)
  want(engine, 'engine', 'a running Docker engine')
  want(!facts.client || !facts.modules, 'client', "Prisma's client")
  want(need.build && !facts.build, 'build', "the dashboard's production build")
  if (optional.length > 0 && canApt) decision.acts.push({ act: 'optional', packages: optional })

  if (packages.length > 0 && !canApt) decision.sentences.push(askForPackages(packages, facts))
  if (engineSentence) decision.sentences.push(engineSentence)
  return decision
}

/** @param {string[]} packages @param {Facts} facts */
function askForPackages(packages, { apt }) {
  if (apt)
    return `${packages.join(', ')} missing, and only root may install: sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`
  return `missing: ${packages.join(', ')} (Debian's names); install what your system calls them, then run this again`
}

/** Why we cannot bring the engine up ourselves, with the exact command; null where we can. @param {Facts} facts */
function refuseEngine({ engine, dockerHost, dockerd, apt, root, mac }) {
  if (engine === 'denied')
    return 'you may not use the Docker engine: sudo usermod -aG docker "$USER", then sign in again'
  if (dockerHost) return `no Docker engine answers at DOCKER_HOST=${dockerHost}: start it, or unset DOCKER_HOST`
  if (mac) return 'no Docker engine answers: open -a Docker'
  if (dockerd) return root ? null : 'no Docker engine answers, and only root may start it: sudo systemctl start docker'
  if (!apt)
    return 'no Docker engine answers: install Docker (docs.docker.com/engine/install), start it, then run this again'
  if (root) return null
  return 'no Docker engine answers, and only root may install one: sudo apt-get install -y --no-install-recommends docker.io && sudo systemctl start docker'
}
