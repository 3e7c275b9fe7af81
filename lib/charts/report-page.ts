/** A page of pictures and tables that needs nothing but itself: no script, no other file, no network. */
import { escapeXml } from './picture'
import { styleOf } from './theme'

/** A part of the page with a heading. */
export interface ReportSection {
  /** Its name in links; letters alone. */
  readonly id: string
  readonly heading: string
  /** HTML. */
  readonly content: string
}

/** All of the page. */
export interface ReportPage {
  readonly title: string
  /** One line below the title. */
  readonly summary: string
  readonly figures: readonly (readonly [name: string, value: string])[]
  readonly sections: readonly ReportSection[]
  /** The last lines. HTML. */
  readonly footer: string
}

const PAGE_STYLE = `
:root{color-scheme:light dark;--ink:#1f2328;--muted:#59636e;--paper:#fff;--line:#d1d9e0;--accent:#0a5a94}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6edf3;--muted:#9aa5b1;--paper:#0d1117;--line:#3d444d;--accent:#6cb6ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}
main{max-width:760px;margin:0 auto;padding:56px 20px 96px}
h1{font-size:32px;line-height:1.2;letter-spacing:-.02em;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:21px;letter-spacing:-.01em;margin:64px 0 8px}
p{margin:0 0 12px;max-width:66ch}
.summary,.note,figcaption,footer{color:var(--muted)}
.note,figcaption{font-size:14px}
nav{margin:28px 0 0;font-size:14px;display:flex;flex-wrap:wrap;gap:4px 18px}
a{color:var(--accent)}
dl.figures{display:flex;flex-wrap:wrap;gap:20px 40px;margin:32px 0 0}
dl.figures div{display:flex;flex-direction:column-reverse}
dl.figures dt{font-size:13px;color:var(--muted)}
dl.figures dd{margin:0;font-size:26px;font-weight:600;letter-spacing:-.01em;font-variant-numeric:tabular-nums}
figure{margin:12px -20px 24px}
figure .picture{display:block;max-width:100%;height:auto}
.table{overflow-x:auto;margin:0 0 20px}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:5px 22px 5px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{font-weight:600}
table.numbers th,table.numbers td{text-align:right}
code{font:13px/1.5 ui-monospace,'SF Mono',Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{margin:12px 0;padding:12px 14px;border:1px solid var(--line);border-radius:6px;white-space:pre-wrap}
footer{margin-top:72px;font-size:14px}
@media print{@page{margin:16mm}main{padding:0;max-width:none}nav{display:none}figure,tr{break-inside:avoid}h2{break-after:avoid;margin-top:32px}figure{margin:8px 0}}
`

/** Nothing may be loaded, and no script may run, whatever a name or a path says. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

/** The HTML document. */
export function drawReportPage({ title, summary, figures, sections, footer }: ReportPage): string {
  const links = sections.map(({ id, heading }) => `<a href="#${id}">${escapeXml(heading)}</a>`)
  const values = figures.map(([name, value]) => `<div><dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd></div>`)
  const parts = sections.map(({ id, heading, content }) => `<section id="${id}">\n<h2>${escapeXml(heading)}</h2>\n${content}\n</section>`)
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeXml(title)}</title>`,
    `<style>${PAGE_STYLE}${styleOf('auto')}</style>`,
    '</head>',
    '<body>',
    '<main>',
    '<header>',
    `<h1>${escapeXml(title)}</h1>`,
    `<p class="summary">${escapeXml(summary)}</p>`,
    `<dl class="figures">${values.join('')}</dl>`,
    `<nav aria-label="Parts of this page">${links.join('')}</nav>`,
    '</header>',
    ...parts,
    `<footer>\n${footer}\n</footer>`,
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n')
}

/** A picture of this package in the page, which has its style already. */
export function drawFigure(svg: string): string {
  return `<figure>${svg.trimEnd().replace(/<style>[^<]*<\/style>/, '')}</figure>`
}

export function drawParagraph(text: string, kind?: 'note' | 'time'): string {
  return `<p${kind === undefined ? '' : ` class="${kind}"`}>${escapeXml(text)}</p>`
}

/** @param rows - The headings first. @param kind - Whether the cells are words or numbers. */
export function drawTable(rows: readonly (readonly string[])[], kind: 'words' | 'numbers'): string {
  const [head = [], ...body] = rows
  const headings = head.map((cell) => `<th scope="col">${escapeXml(cell)}</th>`)
  const lines = body.map((cells) => `<tr>${cells.map((cell) => `<td>${escapeXml(cell)}</td>`).join('')}</tr>`)
  // It can be scrolled where it is wider than the screen, by the keyboard, too.
  return [
    `<div class="table" tabindex="0" role="group" aria-label="${escapeXml(head.join(', '))}">`,
    `<table class="${kind}"><thead><tr>${headings.join('')}</tr></thead><tbody>`,
    ...lines,
    '</tbody></table></div>',
  ].join('\n')
}

export function drawCode(code: string): string {
  return `<pre><code>${escapeXml(code)}</code></pre>`
}
