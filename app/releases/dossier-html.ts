// The dossier as one file: no script, no font, no picture from anywhere. Everything that is put in is escaped.

import type { Locale } from '../_i18n/locale'
import en from '../_messages/en.json'
import zhCN from '../_messages/zh-CN.json'
import type {
  Dossier,
  DossierHappened,
  DossierPromotion,
  DossierRun,
  DossierSignoff,
  DossierStage,
} from './dossier-shapes'
import { DOSSIER_STYLE } from './dossier-style'

type Words = typeof en.dossier & { statuses: Readonly<Record<string, string>> }
const WORDS: Record<Locale, Words> = {
  en: { ...en.dossier, statuses: en.status },
  'zh-CN': { ...zhCN.dossier, statuses: zhCN.status },
}
/** A status that has no word of its own is shown as it is. */
const statusOf = (t: Words, status: string) =>
  Object.hasOwn(t.statuses, status) ? (t.statuses[status] ?? status) : status

/** Markup that was made here; any other text is escaped when it is put in. */
class Markup {
  constructor(readonly text: string) {}
}
type Piece = Markup | string | number | null | readonly Piece[]

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string) => text.replaceAll(/[&<>"']/g, (c) => ESCAPES[c] ?? c)

function put(piece: Piece): string {
  if (piece === null) return ''
  if (piece instanceof Markup) return piece.text
  if (Array.isArray(piece)) return piece.map((p: Piece) => put(p)).join('')
  return escaped(String(piece))
}
const html = (parts: TemplateStringsArray, ...pieces: Piece[]) =>
  new Markup(parts.map((part, i) => part + put(pieces[i] ?? null)).join(''))

const fill = (text: string, values: Record<string, string | number>) =>
  text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))

const at = (time: string | null) =>
  time === null ? '–' : html`<time datetime="${time}">${time.slice(0, 19).replace('T', ' ')}</time>`
const code = (text: string) => html`<code>${text}</code>`
const link = (url: string, text: Piece) =>
  /^https?:\/\//.test(url) ? html`<a href="${url}" rel="noreferrer">${text}</a>` : html`${text}`
const table = (head: readonly string[], rows: readonly (readonly Piece[])[]) =>
  html`<div class="wide"><table><thead><tr>${head.map(
    (h) => html`<th scope="col">${h}</th>`,
  )}</tr></thead><tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table></div>`
const facts = (rows: readonly (readonly [string, Piece])[]) =>
  html`<dl>${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
const badge = (tone: 'ok' | 'bad' | 'plain', text: string) => html`<span class="badge ${tone}">${text}</span>`

const SECTIONS = [
  'facts',
  'environments',
  'signoffs',
  'interventions',
  'commits',
  'requests',
  'runs',
  'history',
  'proofs',
] as const

/** The whole file. Opens without a network, prints, and follows the reader's light or dark. */
export function renderDossier(d: Dossier, locale: Locale): string {
  const t = WORDS[locale]
  const bodies: Record<(typeof SECTIONS)[number], Piece> = {
    facts: about(d, t),
    environments: environments(d, t),
    signoffs: d.signoffs.length === 0 ? html`<p>${t.nobody}</p>` : d.signoffs.map((s) => signoff(s, t)),
    interventions: d.interventions.length === 0 ? html`<p>${t.noInterventions}</p>` : happened(d.interventions, t),
    commits: commits(d, t),
    requests: requests(d, t),
    runs: d.runs.map((r) => run(r, t)),
    history: happened(d.history, t),
    proofs: proofs(d, t),
  }
  const { release } = d
  return put(html`<!doctype html>
<html lang="${locale}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${release.service} ${release.tag} – ${t.title}</title><style>${new Markup(DOSSIER_STYLE)}</style></head><body>
<header><p class="kind">${t.title}</p><h1>${release.service} <span>${release.tag}</span></h1>
<p class="digest">${code(release.digest)}</p>
<p class="soft">${fill(t.made, { at: d.made.at.slice(0, 19).replace('T', ' '), by: d.made.by, origin: d.origin })} ${t.offline}</p>
${release.refused === null ? null : html`<p class="note bad">${fill(t.refused, release.refused)}</p>`}
${d.left.length === 0 ? null : html`<p class="note bad">${fill(t.left, { lists: d.left.join(', ') })}</p>`}</header>
<nav aria-label="${t.contents}">${SECTIONS.map((name) => html`<a href="#${name}">${t[name]}</a>`)}</nav>
<main>${SECTIONS.map(
    (name) => html`<section id="${name}"><h2>${t[name]}</h2>${bodies[name]}</section>
`,
  )}</main>
</body></html>
`)
}

const about = ({ release }: Dossier, t: Words) =>
  facts([
    [t.project, release.project],
    [t.digest, code(release.digest)],
    [t.tree, code(release.tree)],
    [t.commit, code(release.commit)],
    [t.branch, release.branch],
    [t.created, at(release.createdAt)],
    [t.image, code(release.image)],
    [
      t.bases,
      release.bases.length === 0 ? '–' : release.bases.map((b) => html`<div>${b.image} ${code(b.digest)}</div>`),
    ],
  ])

function environments({ promotions }: Dossier, t: Words) {
  const observed = (p: DossierPromotion) =>
    p.same === null
      ? t.nothing
      : p.same
        ? html`${badge('ok', t.same)} ${code(p.observed ?? '')}`
        : badge('bad', fill(t.other, { digest: p.observed ?? '' }))
  return table(
    [t.environment, t.status, t.observed, t.when, t.verified, t.asked, t.kind],
    promotions.map((p) => [
      html`<b>${p.environment}</b>`,
      html`${statusOf(t, p.status)}${p.because === '' ? null : html`<div class="soft">${p.because}</div>`}`,
      html`${observed(p)}${p.verification.length === 0 ? null : stages(p.verification, t)}`,
      at(p.deployedAt),
      at(p.verifiedAt),
      p.requestedBy,
      html`${p.kind}${p.reason === '' ? null : html`<div class="soft">${p.reason}</div>`}`,
    ]),
  )
}

const DECISION = { approve: 'ok', reject: 'bad', override: 'bad', 'break-glass': 'bad' } as const
const isDecision = (text: string): text is keyof typeof DECISION => Object.hasOwn(DECISION, text)

function signoff(s: DossierSignoff, t: Words) {
  const decision = isDecision(s.decision) ? badge(DECISION[s.decision], t[s.decision]) : s.decision
  const entry = (text: string, seq: number | null) => (seq === null ? [] : [fill(text, { seq })])
  const rows: (readonly [string, Piece])[] = [
    [t.environment, s.environment],
    [
      t.status,
      html`${statusOf(t, s.status)}${s.because === '' ? null : html` <span class="soft">${s.because}</span>`} <span class="soft">${fill(t.until, { at: s.expiresAt.slice(0, 16).replace('T', ' ') })}</span>`,
    ],
    [
      t.key,
      s.key === null
        ? t.noKey
        : html`${fill(t.keyOf, { alg: s.key.alg, roles: s.key.roles.join(', ') || '–' })} ${s.holds === null ? null : s.holds ? badge('ok', t.holds) : badge('bad', fill(t.broken, { because: s.wrong }))}`,
    ],
    ...(s.key === null ? [] : [[t.fingerprint, code(s.key.fingerprint)] as const]),
    [t.words, s.words.join(' ')],
    [t.hash, code(s.hash)],
    [
      t.entries,
      s.given === null
        ? t.unsigned
        : [...entry(t.given, s.given), ...entry(t.used, s.used), ...entry(t.admitted, s.admitted)].join(' · '),
    ],
    ...(s.review === null
      ? []
      : [
          [
            t.review,
            s.review.at === null
              ? fill(t.reviewDue, { at: s.review.dueAt })
              : fill(t.reviewed, { by: s.review.by, at: s.review.at, found: s.review.found }),
          ] as const,
        ]),
  ]
  return html`<article><h3>${decision} ${fill(t.by, { name: s.account, role: s.role })} <span class="soft">${at(s.at)}</span></h3>
${s.reason === '' ? null : html`<blockquote>${s.reason}</blockquote>`}${facts(rows)}
<details open><summary>${t.statement}</summary><pre>${s.statement}</pre></details></article>`
}

const commits = ({ commits: all }: Dossier, t: Words) =>
  table(
    [t.commit, t.message, t.branch, t.pusher],
    all.map((c) => [
      link(c.url, code(c.commit.slice(0, 12))),
      c.title ?? html`<span class="soft">${t.noRun}</span>`,
      c.branch ?? '–',
      c.pusher ?? '–',
    ]),
  )

const requests = ({ mergeRequests }: Dossier, t: Words) =>
  mergeRequests.length === 0
    ? html`<p>${t.noRequests}</p>`
    : table(
        ['', t.message, t.branch, t.author, t.approvers, t.merger],
        mergeRequests.map((m) => [
          link(m.url, `!${m.iid}`),
          m.title,
          fill(t.arrow, { source: m.source, target: m.target }),
          m.author || '–',
          m.approvers.join(', ') || '–',
          m.merger || '–',
        ]),
      )

const run = (
  r: DossierRun,
  t: Words,
) => html`<h3>${fill(t.run, { id: r.id, branch: r.branch })} <span class="soft">${r.adopted ? t.adopted : t.built}, ${statusOf(t, r.status)}</span></h3>
${stages(r.stages, t)}`

function stages(all: readonly DossierStage[], t: Words) {
  const tests = (s: DossierStage) => {
    if (s.tests === null) return '–'
    const { failed, errored, skipped } = s.tests
    const text = fill(failed + errored > 0 ? t.failedOf : t.passedOf, { ...s.tests, failed: failed + errored })
    return `${text}${skipped > 0 ? fill(t.skippedOf, { skipped }) : ''}`
  }
  return all.length === 0
    ? null
    : table(
        [t.stage, t.status, t.tests, t.finished],
        all.map((s) => [
          html`${s.name}${s.digest === null ? null : html`<div>${code(s.digest)}</div>`}`,
          html`${statusOf(t, s.status)}${s.because === '' ? null : html`<div class="soft">${s.because}</div>`}`,
          tests(s),
          at(s.finishedAt),
        ]),
      )
}

const happened = (all: readonly DossierHappened[], t: Words) =>
  table(
    [t.entry, t.time, t.what, t.environment, t.who, t.why],
    all.map((h) => [
      h.seq ?? '–',
      at(h.at),
      code(h.kind),
      h.environment ?? '–',
      html`${h.name || t.forgotten} <span class="soft">${h.actor}</span>`,
      h.because,
    ]),
  )

function proofs({ proofs: p }: Dossier, t: Words) {
  if (p === null) return html`<p class="note bad">${t.noProofs}</p>`
  return html`<h3>${t.checkpoint}</h3><p>${fill(t.checkpointAt, { size: p.checkpoint.size, at: p.checkpoint.at.slice(0, 19).replace('T', ' ') })}</p>
<pre>${p.checkpoint.note}</pre>
<h3>${t.publicKeys}</h3><ul>${p.keys.map((k) => html`<li>${code(k.publicKey)} <span class="soft">${fill(t.keyFrom, k)}</span></li>`)}</ul>
${table(
  [t.entry, t.what, t.leaf, t.path.replace('{count} ', '')],
  p.entries.map((e) => [
    e.seq,
    code(e.kind),
    code(e.leaf),
    html`<details><summary>${fill(t.path, { count: e.path.length })}</summary><pre>${e.path.join('\n')}</pre></details>`,
  ]),
)}
<p class="print soft">${t.pathsElsewhere}</p>
<h3>${t.howTo}</h3><p>${t.howToText}</p>
<pre>node verify.mjs BUNDLE.zip --key ${p.keys[0]?.publicKey ?? 'BASE64'}
sh verify-release.sh BUNDLE-FOLDER ${p.keys[0]?.publicKey ?? 'BASE64'}</pre>`
}
