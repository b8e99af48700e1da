/** Draws the diagram of the caching flow for the README, in a light and a dark scheme: `node scripts/diagram.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Scheme {
  readonly ink: string;
  readonly quiet: string;
  readonly box: string;
  readonly line: string;
  readonly ours: string;
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  light: { ink: '#1c2330', quiet: '#5b6475', box: '#f4f6fa', line: '#aab3c2', ours: '#1f6feb' },
  dark: { ink: '#e6eaf2', quiet: '#9aa5b8', box: '#1b222d', line: '#5b6475', ours: '#58a6ff' },
};

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly lines: readonly string[];
}

const BOXES = {
  host: {
    ...{ x: 20, y: 60, width: 220, height: 300, title: 'CI host' },
    lines: ['forgets everything', '', 'layerwright build', '', 'directories of stages:', 'wheels, browsers'],
  },
  builder: {
    ...{ x: 360, y: 60, width: 220, height: 130, title: 'builder' },
    lines: ['BuildKit, through buildx;', 'empty at each build'],
  },
  registry: {
    ...{ x: 700, y: 60, width: 220, height: 130, title: 'registry' },
    lines: ['image:SHA', 'image:cache (layer cache)'],
  },
  store: {
    ...{ x: 360, y: 260, width: 220, height: 100, title: 'store' },
    lines: ['S3: what is left when the', 'layer cache is gone'],
  },
  deploy: {
    ...{ x: 700, y: 260, width: 220, height: 100, title: 'deploy' },
    lines: ['ECS, by the', 'imagedefinitions.json'],
  },
} as const satisfies Record<string, Box>;

interface Arrow {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly label: string;
  readonly labelAt: readonly [number, number];
  readonly both?: boolean;
}

const ARROWS: readonly Arrow[] = [
  { from: [240, 105], to: [360, 105], label: 'context', labelAt: [300, 96] },
  { from: [360, 145], to: [240, 145], label: 'stage files', labelAt: [300, 167], both: true },
  { from: [580, 95], to: [700, 95], label: 'new layers', labelAt: [640, 86] },
  { from: [700, 125], to: [580, 125], label: 'layers it needs', labelAt: [640, 147] },
  { from: [240, 310], to: [360, 310], label: 'save, restore', labelAt: [300, 301], both: true },
  { from: [810, 190], to: [810, 260], label: 'pull', labelAt: [832, 230] },
];

/** Before the build: looked at, and proof that we may push. Around the builder, from host to registry. */
const LOOK = 'M 130 60 C 130 8, 810 8, 810 60';

function boxOf({ x, y, width, height, title, lines }: Box, scheme: Scheme): string {
  const text = lines.map(
    (line, index) =>
      `<text x="${x + 16}" y="${y + 54 + index * 20}" fill="${line.startsWith('layerwright') ? scheme.ours : scheme.quiet}" font-size="14"${line.startsWith('layerwright') ? ' font-weight="600"' : ''}>${line}</text>`,
  );
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="10" fill="${scheme.box}" stroke="${scheme.line}"/>`,
    `<text x="${x + 16}" y="${y + 28}" fill="${scheme.ink}" font-size="16" font-weight="600">${title}</text>`,
    ...text,
  ].join('\n');
}

function arrowOf({ from, to, label, labelAt, both }: Arrow, scheme: Scheme): string {
  const start = both ? ' marker-start="url(#tip)"' : '';
  return [
    `<line x1="${from[0]}" y1="${from[1]}" x2="${to[0]}" y2="${to[1]}" stroke="${scheme.ours}" stroke-width="2" marker-end="url(#tip)"${start}/>`,
    `<text x="${labelAt[0]}" y="${labelAt[1]}" fill="${scheme.ink}" font-size="13" text-anchor="middle">${label}</text>`,
  ].join('\n');
}

function diagram(scheme: Scheme): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -10 940 390" font-family="system-ui, sans-serif" role="img" aria-label="The caching flow: the CI host sends the context to the builder, which reads and writes layers in the registry; directories of stages go to and from a store; the deploy pulls the image">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="${scheme.ours}"/></marker></defs>
<path d="${LOOK}" fill="none" stroke="${scheme.line}" stroke-width="2" stroke-dasharray="6 5" marker-end="url(#tip)"/>
<text x="470" y="10" fill="${scheme.ink}" font-size="13" text-anchor="middle">looks at the layer cache, and whether it may push</text>
${Object.values(BOXES)
  .map((box) => boxOf(box, scheme))
  .join('\n')}
${ARROWS.map((arrow) => arrowOf(arrow, scheme)).join('\n')}
</svg>
`;
}

for (const [name, scheme] of Object.entries(SCHEMES))
  writeFileSync(join(import.meta.dirname, '..', 'docs', `caching-${name}.svg`), diagram(scheme));
