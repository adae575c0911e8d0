import { escapeHtml, greet } from './greeting.js'

const STYLE = `
  :root { color-scheme: light dark; --ink: #10243a; --soft: #5b7186; --sea: #0b7a8a; --sky: #eef6f8; --card: #fff; --line: #d6e4e8 }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8f1f4; --soft: #93a9b5; --sea: #5cc8d6; --sky: #0c1b24; --card: #122733; --line: #21404f } }
  * { box-sizing: border-box; margin: 0 }
  body { min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--sky); color: var(--ink);
    font: 1rem/1.5 system-ui, -apple-system, 'Segoe UI', sans-serif }
  main { width: 100%; max-width: 34rem; padding: 2.5rem; background: var(--card); border: 1px solid var(--line); border-radius: 1rem;
    box-shadow: 0 1rem 3rem rgb(16 36 58 / .08) }
  h1 { font-size: clamp(1.75rem, 6vw, 2.5rem); line-height: 1.15; letter-spacing: -.02em; overflow-wrap: anywhere }
  p { margin: .75rem 0 2rem; color: var(--soft) }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line) }
  dt { color: var(--soft) }
  dd { font-family: ui-monospace, 'SF Mono', Menlo, monospace; overflow-wrap: anywhere }
  .where { color: var(--sea); font-weight: 600 }
`

/** The page: a greeting, and which release of the service is speaking, from where. */
export function page(name, about) {
  const row = (term, value, kind = '') => `<dt>${term}</dt><dd class="${kind}">${escapeHtml(value)}</dd>`
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>hello ${escapeHtml(about.version)}</title>
  <style>${STYLE}</style>
</head>
<body>
  <main>
    <h1>${escapeHtml(greet(name))}</h1>
    <p>This page comes from a container. Reload it to meet another replica.</p>
    <dl>
      ${row('Environment', about.environment, 'where')}
      ${row('Version', about.version)}
      ${row('Commit', about.commit.slice(0, 12))}
      ${row('Replica', about.hostname)}
    </dl>
  </main>
</body>
</html>
`
}
