// A small check without dependencies: every file parses, and none holds what should not be committed.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const RULES = [
  [/^(<{7}|>{7}) /, 'a conflict marker of a merge'],
  [/\t/, 'a tab; two spaces are used here'],
  [/[ \t]+$/, 'blanks at the end of the line'],
  [/^\s*debugger\b/, 'a debugger statement'],
  [/\.only\(/, 'a test that keeps the others from running'],
]

const files = readdirSync('.', { recursive: true }).filter(
  (file) => file.endsWith('.js') && !file.includes('node_modules'),
)
const problems = []
for (const file of files) {
  try {
    execFileSync(process.execPath, ['--check', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    problems.push(`${file}: does not parse\n${error.stderr}`)
  }
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((line, i) => {
      for (const [pattern, what] of RULES) if (pattern.test(line)) problems.push(`${file}:${i + 1}: ${what}`)
    })
}

if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}
console.log(`${files.length} files are fine`)
