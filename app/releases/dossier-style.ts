/** The dossier's style: the dashboard's palette, and paper. */
export const DOSSIER_STYLE = `
:root{color-scheme:light dark;--ground:#f7f9fa;--surface:#fff;--raised:#f1f4f6;--line:#e1e7ea;--ink:#0d1c24;--soft:#4a5a64;--accent:#0a6475;
--ok:#0f6a3a;--ok-ground:#e4f5eb;--bad:#ab241c;--bad-ground:#fdeceb}
@media (prefers-color-scheme:dark){:root{--ground:#0b1013;--surface:#11181c;--raised:#182127;--line:#222d33;--ink:#e7eef1;--soft:#a3b3bc;--accent:#5cc8d8;
--ok:#62d195;--ok-ground:#0f2a1c;--bad:#ff958d;--bad-ground:#381816}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:2.5rem 1.5rem 4rem;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif}
h1{margin:.1rem 0 .4rem;font-size:2rem;line-height:1.2;letter-spacing:-.01em;overflow-wrap:anywhere}
h1 span{color:var(--accent)}
h2{margin:0 0 .8rem;font-size:1.15rem}
h3{margin:1.2rem 0 .5rem;font-size:1rem;display:flex;flex-wrap:wrap;gap:.5rem;align-items:baseline}
section>h3:first-of-type,article>h3{margin-top:0}
p{margin:.3rem 0}
.kind{margin:0;color:var(--soft);font-size:.8rem;font-weight:600;letter-spacing:.06em;text-transform:uppercase}
.soft{color:var(--soft);font-weight:400}
code,pre{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
code{overflow-wrap:anywhere}
pre{margin:.4rem 0;padding:.75rem .9rem;background:var(--raised);border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere}
a{color:var(--accent)}
nav{display:flex;flex-wrap:wrap;gap:.35rem 1.1rem;margin:1.4rem 0;font-size:.9rem}
section{margin:0 0 1.1rem;padding:1.1rem 1.25rem 1.25rem;background:var(--surface);border:1px solid var(--line);border-radius:10px}
article{padding:1rem 0;border-top:1px solid var(--line)}
article:first-of-type{padding-top:0;border-top:0}
blockquote{margin:.4rem 0 .7rem;padding-left:.8rem;border-left:3px solid var(--line);overflow-wrap:anywhere}
dl{margin:0}
dl>div{display:grid;grid-template-columns:minmax(8rem,13rem) minmax(0,1fr);gap:.2rem 1rem;padding:.28rem 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:.9rem}
th{padding:.3rem .8rem .3rem 0;text-align:left;font-weight:600;color:var(--soft);white-space:nowrap;border-bottom:1px solid var(--line)}
td{padding:.4rem .8rem .4rem 0;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:break-word;min-width:4.5em}
td code{display:inline-block;min-width:6rem}
tr:last-child>td{border-bottom:0}
time{white-space:nowrap;font-variant-numeric:tabular-nums}
.badge{display:inline-block;padding:.05rem .5rem;border-radius:999px;background:var(--raised);font-size:.85rem;font-weight:600}
.badge.ok{background:var(--ok-ground);color:var(--ok)}
.badge.bad,.note.bad{background:var(--bad-ground);color:var(--bad)}
.note{padding:.6rem .8rem;border-radius:6px}
summary{cursor:pointer;color:var(--soft);font-size:.9rem}
ul{margin:.3rem 0;padding-left:1.2rem}
.print{display:none}
@media (max-width:40rem){body{padding:1.2rem .8rem 3rem}section{padding:.9rem}dl>div{grid-template-columns:minmax(0,1fr)}h1{font-size:1.5rem}}
@media print{:root{color-scheme:light;--ground:#fff;--surface:#fff;--raised:#f4f6f7;--line:#cfd8dc;--ink:#000;--soft:#3c4a52;--accent:#0a4a57;
--ok:#0a5a30;--ok-ground:#fff;--bad:#98180f;--bad-ground:#fff}
@page{margin:16mm 14mm}
body{max-width:none;padding:0;font-size:10pt}nav{display:none}section{padding:0;margin:0 0 9mm;border:0}h2{padding-bottom:1mm;border-bottom:1px solid var(--ink)}
h2,h3{break-after:avoid}article,tr{break-inside:avoid}.badge{padding:0 .3rem;border:1px solid currentColor}
code,pre{font-size:7.6pt}table{font-size:8.6pt}.wide{overflow:visible}summary{list-style:none}td details:not([open])>summary{color:var(--soft)}.print{display:block}a{color:inherit;text-decoration:none}}
`
