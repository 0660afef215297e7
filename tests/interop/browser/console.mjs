// The console in a browser: somebody signs up, uploads a film, watches it, sees the quota move, shows it to everybody, signs out, and
// watches it as a stranger does.
//
//     console.mjs ORIGIN FILM LANGUAGE
//
// Prints a line for each step; the exit code is 1 where one fails.

import { createRequire } from "node:module";

// The libraries lie elsewhere than this file: BROWSER_MODULES names the folder that they are installed in.
const require = createRequire(`${process.env.BROWSER_MODULES}/`);
const { chromium } = require("playwright-core");

const [origin, film, language] = process.argv.slice(2);
const words = {
  en: { signIn: "Sign in", need: "I need an account", signUp: "Sign up", email: "E-mail address", name: "User name", password: "Password", storage: "Storage", title: "Title", visibility: "Who may see it", save: "Save", signOut: "Sign out" },
  de: { signIn: "Anmelden", need: "Ich brauche ein Konto", signUp: "Registrieren", email: "E-Mail-Adresse", name: "Benutzername", password: "Passwort", storage: "Speicher", title: "Titel", visibility: "Wer es sehen darf", save: "Speichern", signOut: "Abmelden" },
}[language];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
});
const context = await browser.newContext({ locale: language === "de" ? "de-DE" : "en-GB", viewport: { width: 390, height: 800 } });
const page = await context.newPage();
page.setDefaultTimeout(120_000);
const faults = [];
page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
page.on("console", (message) => {
  if (message.type() === "error") faults.push(`console: ${message.text()} ${message.location().url}`);
});
page.on("response", (response) => {
  if (response.status() >= 500) faults.push(`${response.status()} ${response.url()}`);
});
const step = (what) => console.log(what);

/** Plays what the page shows until it moves. */
async function watch() {
  await page.waitForSelector("video");
  await page.evaluate(async () => {
    const video = document.querySelector("video");
    video.muted = true;
    await video.play();
    while (video.currentTime < 0.3) await new Promise((done) => video.addEventListener("timeupdate", done, { once: true }));
  });
}

try {
  await page.goto(origin);
  await page.getByRole("link", { name: words.signIn }).click();
  await page.getByRole("button", { name: words.need }).click();
  await page.getByLabel(words.email).fill("ada@example.com");
  await page.getByLabel(words.name).fill("ada");
  await page.getByLabel(words.password).fill("a long enough phrase");
  await page.getByRole("button", { name: words.signUp }).click();
  await page.waitForURL(`${origin}/app/videos`);
  await page.waitForSelector("meter");
  const before = await page.locator("meter").first().evaluate((meter) => meter.value);
  step("signed up");

  await page.locator("input[type=file]").setInputFiles(film);
  await page.waitForSelector("ul.rows > li");
  const after = async () => page.locator("meter").first().evaluate((meter) => meter.value);
  while ((await after()) === before) await page.waitForTimeout(50);
  step("uploaded, and the quota moved");

  await page.reload();
  await page.locator("ul.rows > li a").first().click();
  await watch();
  step("watched by its owner, after a reload");

  await page.goBack();
  await page.getByLabel(words.title).fill("A <b>film</b> & more");
  await page.getByLabel(words.visibility).selectOption("public");
  const changed = page.waitForResponse((response) => response.request().method() === "PATCH");
  await page.getByRole("button", { name: words.save }).click();
  if ((await changed).status() !== 200) throw new Error("the change was refused");
  await page.getByRole("button", { name: words.signOut }).click();
  await page.getByText("A <b>film</b> & more").click();
  await watch();
  step("shown to everybody, and watched by a stranger");

  if (faults.length) throw new Error(faults.join("\n"));
} catch (error) {
  const shown = await page.content().catch(() => "");
  console.error(`${error.message}\n${faults.join("\n")}\n${shown}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
