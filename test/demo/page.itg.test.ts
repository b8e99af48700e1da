import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { demoPage } from '../../demo/page.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { plainSteps } from '../../src/host/steps.ts';
import { CHROMIUM, ensureProgram } from '../../testbed/debian.ts';
import { testHost } from '../support/host.ts';
import { ROWS } from './rows.ts';

const ANSWER = {
  health: '{"status":"ok","env":"staging","version":"1.4.1"}',
  question: 'Is <b>this</b> open?',
  reply: 'Yes & no.',
};
const FACTS = { date: new Date('2026-01-02T03:04:05Z'), processors: 2, versions: { BuildKit: '0.34.2' } };

let browser: Browser;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
before(async () => {
  const host = testHost();
  directory = await temporaryDirectory();
  browser = await chromium.launch({
    executablePath: await ensureProgram(host, plainSteps(host), CHROMIUM),
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
});
after(async () => {
  await browser?.close();
  await directory[Symbol.asyncDispose]();
});

/** The page in a window, with everything that the browser complained about or asked of a network. */
async function opened(width: number, colorScheme: 'light' | 'dark') {
  const file = join(directory.path, 'index.html');
  await writeFile(file, demoPage(ROWS, ANSWER, FACTS));
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) complaints.push(request.url());
  });
  await page.goto(pathToFileURL(file).href);
  return { page, complaints };
}

/** Widths in pixels of the bars that are seen in the n-th chart, from top to bottom. */
function barWidths(page: Page, chart: number): Promise<number[]> {
  return page
    .locator('figure')
    .nth(chart)
    .locator('svg:visible path[fill="#1f6feb"], svg:visible path[fill="#9a6a00"]')
    .evaluateAll((paths) =>
      paths
        .map((path) => path.getBoundingClientRect())
        .sort((one, other) => one.y - other.y)
        .map(({ width }) => width),
    );
}

test('the bars are as long as the figures say', async () => {
  const { page, complaints } = await opened(1200, 'light');
  const [longest = 0, ...others] = await barWidths(page, 0);
  assert.ok(longest > 250, `the longest bar has ${longest} px`);
  for (const [index, width] of others.entries()) {
    const expected = (longest * (ROWS[index + 1]?.seconds ?? 0)) / (ROWS[0]?.seconds ?? 1);
    assert.ok(Math.abs(width - expected) < 2, `bar ${index + 2} has ${width} px, not ${expected}`);
  }
  assert.equal(others.length, 3);
  const found = await barWidths(page, 2);
  const [few = 0, most = 0] = found;
  assert.ok(Math.abs(few / most - 7 / 80) < 0.01, `found layers: ${found}`);
  assert.deepEqual(complaints, []);
});

test('what was measured and what the image answered is told in words', async () => {
  const { page } = await opened(1200, 'light');
  assert.equal(
    await page.locator('h1').textContent(),
    'With nothing changed: 0.4 s, and 1.2 s by the recipe',
  );
  assert.deepEqual(await page.locator('tbody tr').last().locator('td').allInnerTexts(), [
    ...['nothing changed', 'layerwright', '0.4 s', '36.1 kB', '1 of 81'],
  ]);
  const text = (await page.locator('body').textContent()) ?? '';
  for (const said of [ANSWER.health, ANSWER.question, ANSWER.reply, '2026-01-02'])
    assert.ok(text.includes(said), said);
});

test('fits a telephone, and follows the reader into the dark', async () => {
  const small = await opened(390, 'light');
  const overflow = await small.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  assert.ok(overflow <= 0, `${overflow} px stick out`);
  const dark = await opened(1200, 'dark');
  assert.equal(
    await dark.page.evaluate('getComputedStyle(document.body).backgroundColor'),
    'rgb(18, 22, 29)',
  );
  assert.equal(await dark.page.locator('figure svg:visible').count(), 3, 'one drawing of each chart is seen');
  const ink = await dark.page.locator('figure svg:visible text').first().getAttribute('fill');
  assert.equal(ink, '#e6eaf2');
});
