// Where a forge shows what we speak of. Pure; empty where the forge's address is not known.

interface Where {
  forge: string
  webUrl: string
}

/** GitLab keeps its own pages behind `/-/`, so that no branch or file can be taken for one. */
const inside = ({ forge, webUrl }: Where) => (forge === 'github' ? webUrl : `${webUrl}/-`)

export const commitUrl = (where: Where, commit: string) =>
  where.webUrl === '' ? '' : `${inside(where)}/commit/${commit}`

/** Every commit that is in `to` and not in `from`. */
export const compareUrl = (where: Where, from: string, to: string) =>
  where.webUrl === '' ? '' : `${inside(where)}/compare/${from}...${to}`
