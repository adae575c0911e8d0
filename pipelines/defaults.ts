// What a repository gets that does not say what it wants: its language, and the default pipeline for it.
import { z } from 'zod'
import { type Build, SERVICE_FILE, ServiceFile, type TemplateName } from './service-file'

type Language = TemplateName

/** The public images of the templates' `ARG BASE`; an installation may replace each. */
export const BASES: Record<Language, string> = {
  node: 'node:22-slim',
  'java-maven': 'maven:3.9-eclipse-temurin-21',
  python: 'python:3.13-slim',
  go: 'golang:1.25',
  static: 'busybox:1.37',
}

/** The first that matches: many a Java, Go or Python service has a package.json for its front end, and hardly the other way round. */
const SIGNS: readonly [Language, readonly string[]][] = [
  ['java-maven', ['pom.xml']],
  ['go', ['go.mod']],
  ['node', ['package.json']],
  ['python', ['requirements.txt', 'pyproject.toml', 'setup.py', 'Pipfile']],
  ['static', ['index.html']],
]

/** The language of a repository, from the names in its root folder. */
export function detectLanguage(topLevelNames: readonly string[]): Language | null {
  return SIGNS.find(([, signs]) => signs.some((sign) => topLevelNames.includes(sign)))?.[0] ?? null
}

function buildOf(topLevelNames: readonly string[]): Build | null {
  if (topLevelNames.includes('Dockerfile')) return { dockerfile: 'Dockerfile' }
  const template = detectLanguage(topLevelNames)
  return template && { template }
}

/** A service file that does not say how to build is built from the Dockerfile, or else from the template of the language. */
export function withBuild(service: ServiceFile, topLevelNames: readonly string[]): ServiceFile {
  return service.build ? service : { ...service, build: buildOf(topLevelNames) }
}

export type DefaultService =
  /** `because` says that it is the default. What it makes goes no further than the test environment. */
  { ok: true; service: ServiceFile; because: string } | { ok: false; because: string }

/** The default pipeline of a repository without a service file; `packageJson` is the text of package.json, where there is one. */
export function defaultService(
  projectName: string,
  topLevelNames: readonly string[],
  packageJson?: string,
  bases: Readonly<Record<string, string>> = {},
): DefaultService {
  const build = buildOf(topLevelNames)
  if (!build) {
    const signs = SIGNS.flatMap(([, names]) => names)
    return {
      ok: false,
      because: `there is no Dockerfile, and no file that tells the language (${signs.slice(0, -1).join(', ')} or ${signs.at(-1)})`,
    }
  }
  const language = detectLanguage(topLevelNames)
  const described = readPackage(language === 'node' ? packageJson : undefined)
  const image = language && ((Object.hasOwn(bases, language) && bases[language]) || BASES[language])
  const service = ServiceFile.parse({
    service: serviceName(projectName),
    version: described.version ?? '0.0',
    build,
    stages: image ? stagesOf(image, described, topLevelNames) : {},
    deploy: 'template' in build ? { ports: ['8080'] } : {},
  })
  return {
    ok: true,
    service,
    because: `there is no ${SERVICE_FILE}: the default pipeline for ${language ?? 'a Dockerfile'} is used`,
  }
}

/** A merge that was committed half-done is wrong in every language. grep says 1 where nothing is found, and more where it fails. */
const NO_CONFLICTS =
  "grep -rsnE '^(<{7} |>{7} )' .; test $? -eq 1 || { echo 'conflict markers of a merge were committed' >&2; exit 1; }"

interface Described {
  version: string | undefined
  scripts: { lint?: string | undefined; test?: string | undefined }
  hasDependencies: boolean
}

function stagesOf(image: string, { scripts, hasDependencies }: Described, topLevelNames: readonly string[]) {
  const locked = topLevelNames.includes('package-lock.json') || topLevelNames.includes('npm-shrinkwrap.json')
  const install = locked ? 'npm ci --no-audit --no-fund' : 'npm install --no-audit --no-fund'
  // Without dependencies the script is run as it stands, so that an image without npm is enough.
  const script = (name: 'lint' | 'test') => (hasDependencies ? [install, `npm run ${name}`] : [scripts[name] ?? ''])
  return {
    static: { image, run: scripts.lint ? [NO_CONFLICTS, ...script('lint')] : [NO_CONFLICTS] },
    ...(scripts.test && { unit: { image, run: script('test'), also_on: ['feature'] } }),
  }
}

const Command = z
  .string()
  .min(1)
  .max(4096)
  .refine((s) => !s.includes('\0'))
  .optional()
  .catch(undefined)
const Dependencies = z.record(z.string(), z.unknown()).catch({})
const PackageJson = z.object({
  version: ServiceFile.shape.version.optional().catch(undefined),
  scripts: z.object({ lint: Command, test: Command }).catch({}),
  dependencies: Dependencies,
  devDependencies: Dependencies,
  optionalDependencies: Dependencies,
})

/** What package.json says, as far as it says it: the file is as untrusted as the service file, and may be anything. */
function readPackage(text: string | undefined): Described {
  const { version, scripts, ...dependencies } = PackageJson.catch({
    scripts: {},
    dependencies: {},
    devDependencies: {},
    optionalDependencies: {},
  } as never).parse(json(text))
  const isPlaceholder = scripts.test?.includes('no test specified')
  return {
    version,
    scripts: isPlaceholder ? { lint: scripts.lint } : scripts,
    hasDependencies: Object.values(dependencies).some((names) => Object.keys(names).length > 0),
  }
}

function json(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return {} // not JSON: the build will say so in npm's own words
  }
}

/** The project's name as a service's name; `service` where nothing of it can stay. */
function serviceName(projectName: string): string {
  const name = projectName
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[-0-9]+/, '')
    .slice(0, 50)
    .replace(/-+$/, '')
  return name || 'service'
}
