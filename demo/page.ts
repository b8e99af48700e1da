import { type EChartsOption, init } from 'echarts';
import { formatBytes, formatSeconds } from '../src/report/format.ts';
import type { Answer } from './ask.ts';
import { COLUMNS, type Row, WORD_COLUMNS } from './table.ts';

/** What the page says of the run as a whole. */
export interface RunFacts {
  readonly date: Date;
  readonly processors: number;
  /** Name to version. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Colours of one scheme, for the page and for the charts in it. */
interface Scheme {
  readonly ink: string;
  readonly quiet: string;
  readonly ground: string;
  readonly line: string;
  readonly ours: string;
  readonly other: string;
  readonly rest: string;
}

// Pairs that stay apart for colour-blind eyes and have the contrast of WCAG AA against their ground.
const LIGHT: Scheme = {
  ink: '#1c2330',
  quiet: '#5b6475',
  ground: '#ffffff',
  line: '#d9dee7',
  ours: '#1f6feb',
  other: '#9a6a00',
  rest: '#c3cad6',
};
const DARK: Scheme = {
  ink: '#e6eaf2',
  quiet: '#9aa5b8',
  ground: '#12161d',
  line: '#2c3442',
  ours: '#58a6ff',
  other: '#d9a441',
  rest: '#3d475a',
};

const WIDTH = 640;
const ROW_HEIGHT = 44;

/** A self-contained page: a chart for each figure, the table, and what the running image answered. */
export function demoPage(rows: readonly Row[], answer: Answer, facts: RunFacts): string {
  const charts = [
    { title: 'Seconds, the whole command', options: (scheme: Scheme) => secondsChart(rows, scheme) },
    { title: 'Bytes pushed: image and layer cache', options: (scheme: Scheme) => pushedChart(rows, scheme) },
    {
      title: 'Layers: found, and made',
      options: (scheme: Scheme) => layersChart(rows, scheme),
    },
  ];
  const versions = Object.entries(facts.versions).map(([name, version]) => `${name} ${version}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Layerwright: examples/chat on fresh builders</title>
<style>
:root { color-scheme: light dark; ${variables(LIGHT)} }
.dark { display: none; }
@media (prefers-color-scheme: dark) {
  :root { ${variables(DARK)} }
  .dark { display: block; }
  .light { display: none; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 780px; padding: 2rem 1.25rem 3rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.05rem; margin: 2.25rem 0 .5rem; }
p { margin: .5rem 0; }
.quiet { color: var(--quiet); font-size: .9rem; }
figure { margin: 0; }
svg { width: 100%; height: auto; display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; }
th.word, td.word { text-align: left; }
th:first-child, td:first-child { padding-left: 0; }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
blockquote { margin: .5rem 0; padding-left: .9rem; border-left: 3px solid var(--line); }
</style>
</head>
<body>
<h1>${escaped(headline(rows))}</h1>
<p>The example <code>examples/chat</code>, a service with 106 pinned distributions, built by BuildKit from its three-stage
Dockerfile. Each build ran on a builder that had never seen it; all that they share is the registry.</p>
${charts.map(({ title, options }) => chart(title, rows.length, options)).join('\n')}
<h2>The same in figures</h2>
<div class="scroll"><table>
<thead><tr>${COLUMNS.map(({ title }, index) => cell('th', title, index)).join('')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${COLUMNS.map((column, index) => cell('td', column.cell(row), index)).join('')}</tr>`).join('\n')}
</tbody>
</table></div>
<p class="quiet">Seconds are wall-clock time of the whole command, with the builder already running. <em>recipe</em> is the same
Dockerfile built by buildx, with its layer cache in the registry. Pushed is what the registry grew by.</p>
<h2>The image runs</h2>
<p><code>GET /healthz</code> answers <code>${escaped(answer.health)}</code></p>
<blockquote><p>${escaped(answer.question)}</p><p>${escaped(answer.reply)}</p></blockquote>
<p class="quiet">${escaped(facts.date.toISOString().slice(0, 10))}, ${facts.processors} processors, registry on the same machine;
${escaped(versions.join(', '))}. To repeat it: <code>npm ci &amp;&amp; npm run demo</code>.</p>
</body>
</html>
`;
}

/** The finding in one sentence: the last change, by the recipe and by Layerwright. */
function headline(rows: readonly Row[]): string {
  const recipe = rows.findLast((row) => row.tool === 'recipe');
  const ours = rows.findLast((row) => row.tool === 'layerwright');
  if (!recipe || !ours) return 'Nothing was built';
  const change = /^nothing known$/.test(ours.scenario) ? 'When nothing is known' : `With ${ours.scenario}`;
  return `${change}: ${formatSeconds(ours.seconds)}, and ${formatSeconds(recipe.seconds)} by the recipe`;
}

function secondsChart(rows: readonly Row[], scheme: Scheme): EChartsOption {
  return bars(rows, scheme, [
    {
      name: 'seconds',
      values: rows.map(({ seconds }) => seconds),
      label: (row) => formatSeconds(row.seconds),
    },
  ]);
}

function pushedChart(rows: readonly Row[], scheme: Scheme): EChartsOption {
  return bars(rows, scheme, [
    {
      name: 'pushed',
      values: rows.map(({ pushedBytes }) => pushedBytes),
      label: (row) => formatBytes(row.pushedBytes),
    },
  ]);
}

/** buildx does not tell what it made. */
function layersChart(all: readonly Row[], scheme: Scheme): EChartsOption {
  const rows = all.filter(({ allLayers }) => allLayers !== null);
  const made = rows.map(({ foundLayers, allLayers }) => (allLayers ?? 0) - (foundLayers ?? 0));
  return bars(rows, scheme, [
    { name: 'found', values: rows.map(({ foundLayers }) => foundLayers ?? 0), label: () => '' },
    {
      name: 'made',
      values: made,
      colour: scheme.rest,
      label: ({ foundLayers, allLayers }) => `${foundLayers} of ${allLayers} found`,
    },
  ]);
}

interface Series {
  readonly name: string;
  readonly values: readonly number[];
  readonly label: (row: Row) => string;
  readonly colour?: string;
}

/** Horizontal bars, one a row, the first at the top; series are put end to end. */
function bars(rows: readonly Row[], scheme: Scheme, series: readonly Series[]): EChartsOption {
  const text = { color: scheme.ink, fontFamily: 'system-ui, sans-serif', fontSize: 14 };
  return {
    animation: false,
    // Names stand to the left; the right has room for the label of the longest bar.
    grid: { left: 190, right: 130, top: 4, bottom: 4 },
    xAxis: { type: 'value', show: false, max: 'dataMax' },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map(nameOf),
      axisLine: { lineStyle: { color: scheme.line } },
      axisTick: { show: false },
      axisLabel: { ...text, margin: 12 },
    },
    series: series.map(({ name, values, label, colour }) => ({
      name,
      type: 'bar',
      stack: 'all',
      silent: true,
      barWidth: 22,
      data: values.map((value, index) => ({
        value,
        itemStyle: { color: colour ?? (rows[index]?.tool === 'recipe' ? scheme.other : scheme.ours) },
      })),
      label: {
        show: true,
        position: 'right',
        ...text,
        formatter: ({ dataIndex }: { dataIndex: number }) => label(rows[dataIndex] as Row),
      },
    })),
  };
}

function nameOf({ scenario, tool }: Row): string {
  return tool === 'recipe' ? `${scenario} (recipe)` : scenario;
}

/** One chart in both schemes; the page shows the one that the reader's system prefers. */
function chart(title: string, rows: number, options: (scheme: Scheme) => EChartsOption): string {
  const drawn = [
    ['light', LIGHT],
    ['dark', DARK],
  ] as const;
  const drawings = drawn.map(
    ([name, scheme]) => `<div class="${name}">${drawing(options(scheme), rows)}</div>`,
  );
  return `<h2>${escaped(title)}</h2>\n<figure role="img" aria-label="${escaped(title)}; the figures stand in the table">\n${drawings.join('\n')}\n</figure>`;
}

function drawing(options: EChartsOption, rows: number): string {
  const canvas = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: rows * ROW_HEIGHT });
  try {
    canvas.setOption(options);
    return canvas.renderToSVGString({ useViewBox: true });
  } finally {
    canvas.dispose();
  }
}

function variables(scheme: Scheme): string {
  return Object.entries(scheme)
    .map(([name, value]) => `--${name}: ${value};`)
    .join(' ');
}

function cell(tag: 'th' | 'td', text: string, column: number): string {
  return `<${tag}${column < WORD_COLUMNS ? ' class="word"' : ''}>${escaped(text)}</${tag}>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
