// What every story of the console needs: a browser, the page's words, and an eye on all that goes wrong.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// The libraries lie elsewhere than this file: BROWSER_MODULES names the folder that they are installed in.
const require = createRequire(`${process.env.BROWSER_MODULES}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const texts = new URL("../../../components/console/web/src/texts/", import.meta.url);

/** How long anything may take, in milliseconds: machines are busy. */
const PATIENCE = 120_000;

/** The page's texts in a language. */
export const words = (language) => JSON.parse(readFileSync(fileURLToPath(new URL(`${language}.json`, texts)), "utf8"));

export const PASSWORD = "a long enough phrase";

/** Runs a story in a browser; it prints a line for each step. A fault of the page that it did not expect ends it. */
export async function tell(language, story, options = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
  });
  const faults = [];
  const expected = [];
  const locale = language === "de" ? "de-DE" : "en-GB";
  const open = async (more = {}) => {
    const context = await browser.newContext({ locale, viewport: { width: 390, height: 800 }, permissions: ["clipboard-read", "clipboard-write"], ...options, ...more });
    const page = await context.newPage();
    watchOver(page);
    return { context, page };
  };
  const watchOver = (page) => {
    page.setDefaultTimeout(PATIENCE);
    const note = (fault) => expected.some((pattern) => pattern.test(fault)) || faults.push(fault);
    page.on("pageerror", (error) => note(`error: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error") note(`console: ${message.text()} ${message.location().url}`);
    });
  };
  const stage = { open, watchOver, words: words(language), expect: (pattern) => expected.push(pattern), step: (what) => console.log(what) };
  let last;
  try {
    stage.show = (page) => (last = page);
    await story(stage);
    if (faults.length) throw new Error("the page had faults");
  } catch (error) {
    const shown = await last?.content().catch(() => "");
    console.error(`${error.stack}\n${faults.join("\n")}\n${last?.url()}\n${shown}`);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

/** Waits until something holds; the page's own patience is its bound. */
export async function until(page, holds, what) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    if (await holds()) return;
    if (Date.now() > end) throw new Error(`it does not come to this: ${what}`);
    await page.waitForTimeout(50);
  }
}

/** Signs somebody up, who is then at the own videos. */
export async function signUp(page, origin, words, name) {
  await page.goto(`${origin}/app/sign-in`);
  await page.getByRole("button", { name: words.needAccount }).click();
  await page.getByLabel(words.email).fill(`${name}@example.com`);
  await page.getByLabel(words.username).fill(name);
  await page.getByLabel(words.password).fill(PASSWORD);
  await page.getByRole("button", { name: words.signUp }).click();
  await page.waitForURL(`${origin}/app/videos`);
  await page.getByRole("heading", { level: 1, name: words.videos }).waitFor();
}

/** Signs in who has an account. */
export async function signIn(page, origin, words, email, password = PASSWORD) {
  await page.goto(`${origin}/app/sign-in`);
  await page.getByLabel(words.email).fill(email);
  await page.getByLabel(words.password).fill(password);
  await page.getByRole("button", { name: words.signIn }).click();
  await page.waitForURL(`${origin}/app/videos`);
}

/** Uploads files at the own videos, and waits until they are there. */
export async function upload(page, words, files, count) {
  await page.locator(".drop input[type=file]").setInputFiles(files);
  await until(page, async () => (await page.locator("ul.rows > li").count()) === count, `${count} videos`);
}

/** Plays what the page shows until it moves. */
export async function play(page) {
  await page.waitForSelector("video");
  await page.evaluate(async () => {
    const video = document.querySelector("video");
    video.muted = true;
    const begin = video.currentTime;
    await video.play();
    while (video.currentTime < begin + 0.3) await new Promise((done) => video.addEventListener("timeupdate", done, { once: true }));
  });
}

/** axe-core's look at a view, in light and in dark, and whether it fits a narrow window and a wide one. */
export async function inspect(page, view) {
  const size = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    // The page's policy lets no script in but its own; this one comes through the browser's debugger.
    await page.evaluate(axe);
    const found = await page.evaluate(async () => (await window.axe.run(document)).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`));
    if (found.length) throw new Error(`axe-core finds on ${view}, ${colorScheme}:\n${found.join("\n")}`);
  }
  await page.emulateMedia({ colorScheme: null });
  for (const width of [320, 1600]) {
    await page.setViewportSize({ width, height: 800 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) throw new Error(`${view} is ${over} pixels too wide for ${width}`);
  }
  await page.setViewportSize(size);
}
