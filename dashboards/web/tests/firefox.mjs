/**
 * An analyst's main path in Firefox, over WebDriver BiDi: sign in, read the overview of a week and a
 * month, open the users, a person and the dialogs, change the language, sign out.
 *
 * Environment: FIREFOX (program), URL (the dashboard), DASHBOARD_PASSWORD (of `ann`). Prints JSON:
 * the steps with what was seen, the errors of the page, and the findings of axe.
 */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import puppeteer from 'puppeteer-core';

const PATIENCE_MILLISECONDS = 90_000;
const { FIREFOX, URL: url, DASHBOARD_PASSWORD: password } = process.env;

const axe = await readFile(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath: FIREFOX,
  headless: true,
  timeout: PATIENCE_MILLISECONDS,
  defaultViewport: { width: 1280, height: 900 },
});
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE_MILLISECONDS);
const errors = [];
page.on('pageerror', (error) => errors.push(String(error)));
page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));

const steps = {};
const findings = [];

async function settled() {
  await page.waitForFunction(
    () =>
      document.querySelector('.page-body[aria-busy=false]') &&
      !document.querySelector('.skeleton, .page-body > .stale, .card .stale'),
  );
}

async function examine() {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run()).violations);
  const serious = found.filter((one) => ['serious', 'critical'].includes(one.impact));
  findings.push(...serious.map((one) => `${page.url()}: ${one.id}: ${one.nodes[0].html}`));
}

async function text(selector) {
  return page.$eval(selector, (found) => found.textContent.trim());
}

/** The element that a screen reader would call so, once it is there. */
const named = (name, role = '') =>
  page.waitForSelector(`::-p-aria([name="${name}"]${role && `[role="${role}"]`})`);

async function follow(link) {
  await (await page.waitForSelector(link)).click();
}

async function heading(name) {
  await page.waitForFunction(
    (wanted) => document.querySelector('h1')?.textContent === wanted,
    {},
    name,
  );
  await settled();
  await examine();
}

try {
  await page.goto(url);
  await (await named('Username', 'textbox')).type('ann');
  await (await named('Password')).type(password);
  await (await named('Sign in', 'button')).click();
  await heading('Overview');
  steps.week = await text('.kpi-value');

  await page.goto(`${url}/?period=month`);
  await settled();
  steps.month = await text('.kpi-value');

  await follow('nav a[href^="/users"]');
  await heading('Users');
  steps.people = (await page.$$('tbody tr')).length;
  await follow('tbody a');
  await page.waitForFunction(() => location.pathname.startsWith('/people/'));
  await settled();
  await examine();
  steps.person = await text('h1');

  await follow('nav a[href^="/dialogs"]');
  await heading('Dialogs');
  steps.dialogs = (await page.$$('tbody tr')).length;

  await (await named('Русский')).click();
  await heading('Диалоги');
  await (await named('Выйти', 'button')).click();
  await named('Вход', 'heading');
  steps.cookies = (await browser.cookies()).length;
} catch (error) {
  errors.push(`${page.url()}: ${error}`);
} finally {
  await browser.close();
}
process.stdout.write(`${JSON.stringify({ steps, errors, findings })}\n`);
