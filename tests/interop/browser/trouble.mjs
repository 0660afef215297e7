// The console in a browser where something goes wrong: the network, a session, the quota, the clock, the file.
//
//     trouble.mjs ORIGIN FILM NO-FILM LANGUAGE
//
// The application gives everybody 42 MB of storage. Prints a line for each step; the exit code is 1 where one fails.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PASSWORD, play, signIn, signUp, tell, until, upload } from "./stage.mjs";

const [origin, film, noFilm, language] = process.argv.slice(2);
/** A file name that would be markup. */
const PICTURE = '<b>picture & "film".png';
const SESSION = "spinreel.session";

await tell(language, async ({ open, watchOver, words, step, show, expect }) => {
  const { context, page } = await open();
  show(page);
  const chooser = page.locator(".drop input[type=file]");
  const row = (name) => page.locator("section.card li", { hasText: name });
  await signUp(page, origin, words, "bea");

  // The network is gone in the middle of an upload, and comes back.
  expect(/ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED|ERR_FAILED/);
  const long = { name: "long.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(20_000_000, 7) };
  const places = [];
  page.on("response", (response) => response.request().method() === "HEAD" && places.push(Number(response.headers()["upload-offset"])));
  /** What happens to the second piece of an upload, and to those after it. */
  const atSecondPiece = (what) => {
    let pieces = 0;
    return page.route("**/v1/uploads/*", (route) => {
      pieces += Number(route.request().method() === "PATCH");
      return pieces === 2 && route.request().method() === "PATCH" ? what(route) : route.continue();
    });
  };
  await atSecondPiece(async (route) => {
    await context.setOffline(true);
    await route.abort("internetdisconnected");
  });
  await chooser.setInputFiles(long);
  await row("long.bin").getByText(words["error.network"]).waitFor();
  await context.setOffline(false);
  await row("long.bin").getByText(words.done).waitFor();
  if (!places.some((place) => place > 0 && place < long.buffer.length)) throw new Error(`it began anew: ${places}`);
  await page.unroute("**/v1/uploads/*");
  step("an upload went on after the network was cut");

  // A reload cuts one, and whoever chooses the file again goes on with it.
  // A file of the disk: it is the same one by its name, its size and its time.
  const folder = mkdtempSync(join(tmpdir(), "spinreel-"));
  const file = join(folder, "again.bin");
  writeFileSync(file, long.buffer);
  let isHeld = false;
  await atSecondPiece(() => {
    isHeld = true;
  });
  await chooser.setInputFiles(file);
  await until(page, () => isHeld, "the second piece is held back");
  await page.reload();
  await page.unroute("**/v1/uploads/*");
  await page.getByText(words.again).waitFor();
  places.length = 0;
  await chooser.setInputFiles(file);
  await row("again.bin").getByText(words.done).waitFor();
  if (!places.some((place) => place > 0)) throw new Error(`it began anew: ${places}`);
  rmSync(folder, { recursive: true });
  step("an upload went on after a reload");

  // Files that are no films, and a film that says it is a picture.
  const bytes = readFileSync(film);
  await upload(page, words, { name: PICTURE, mimeType: "image/png", buffer: bytes }, 3);
  await upload(page, words, { name: "empty.mp4", mimeType: "video/mp4", buffer: Buffer.alloc(0) }, 4);
  await upload(page, words, noFilm, 5);
  for (const [name, plays] of [[PICTURE, true], ["empty.mp4", false], ["long.bin", false]]) {
    // Somebody looks until it is known what the file is.
    await until(page, async () => {
      await page.goto(`${origin}/app/videos`);
      await page.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { level: 1, name }).waitFor();
      return plays || (await page.getByText(words.unplayable).count()) === 1;
    }, `${name} is looked at`);
    if (plays) await play(page);
  }
  step("a film named as a picture plays, and what is no film says so");

  // The network is gone in the middle of a playback, and comes back.
  let isCut = true;
  let lost = 0;
  await page.route("**/tracks/**", (route) => {
    // How a track begins comes.
    if (!isCut || /\/(init\.mp4|0\.m4s)$/.test(route.request().url())) return route.continue();
    lost += 1;
    return route.abort("internetdisconnected");
  });
  await page.goto(`${origin}/app/videos`);
  await page.getByRole("link", { name: PICTURE, exact: true }).click();
  await page.waitForSelector("video");
  /** Lets it play, as far as it comes; gives where it is. */
  const go = () =>
    page.evaluate(() => {
      const video = document.querySelector("video");
      video.muted = true;
      video.play().catch(() => undefined);
      return video.currentTime;
    });
  await go();
  await until(page, () => lost > 0, "a segment is lost");
  isCut = false;
  const again = page.getByRole("button", { name: words.playAgain });
  await until(page, async () => {
    if (await again.count()) await again.click({ timeout: 1_000 }).catch(() => undefined);
    return (await go()) > 9;
  }, "it plays on");
  await page.unroute("**/tracks/**");
  step("a playback went on after the network was cut");

  // The quota is full.
  expect(/403/);
  await page.goto(`${origin}/app/videos`);
  await chooser.setInputFiles({ ...long, name: "too-long.bin", buffer: Buffer.alloc(5_000_000) });
  await row("too-long.bin").getByText(words["error.quota_exceeded"]).waitFor();
  step("a full quota is said");

  // The service has too much to do, once.
  expect(/503/);
  let refusals = 0;
  await page.route("**/v1/videos?*", (route) => {
    refusals += 1;
    if (refusals > 1) return route.continue();
    return route.fulfill({ status: 503, headers: { "retry-after": "1" }, contentType: "application/problem+json", body: '{"code":"unavailable"}' });
  });
  await page.reload();
  await page.getByRole("link", { name: "long.bin", exact: true }).waitFor();
  if (refusals < 2) throw new Error("it was not asked again");
  await page.unroute("**/v1/videos?*");
  step("asked again when the service said so");

  // Two tabs whose access token is over: one of them exchanges the refresh token.
  const other = await context.newPage();
  watchOver(other);
  await other.goto(`${origin}/app/videos`);
  await other.getByRole("link", { name: "long.bin", exact: true }).waitFor();
  const refreshes = [];
  for (const tab of [page, other]) tab.on("request", (request) => request.url().endsWith("/refresh") && refreshes.push(request.url()));
  await page.evaluate((key) => {
    const session = JSON.parse(localStorage.getItem(key));
    localStorage.setItem(key, JSON.stringify({ ...session, expiresAt: 0 }));
  }, SESSION);
  await Promise.all([page, other].map((tab) => tab.getByRole("link", { name: words.usage }).click()));
  await Promise.all([page, other].map((tab) => tab.locator("figure svg").waitFor()));
  if (refreshes.length !== 1) throw new Error(`${refreshes.length} refreshes`);
  await other.close();
  step("two tabs refreshed once");

  // Clocks that are an hour off, both ways: the server's answer counts.
  expect(/401/);
  for (const hours of [-1, 1]) {
    const { context: wrong, page: late } = await open();
    await late.addInitScript((ms) => {
      const now = Date.now.bind(Date);
      Date.now = () => now() + ms;
    }, hours * 3_600_000);
    await signIn(late, origin, words, "bea@example.com");
    await late.getByRole("link", { name: "long.bin", exact: true }).waitFor();
    await late.evaluate((key) => {
      const session = JSON.parse(localStorage.getItem(key));
      localStorage.setItem(key, JSON.stringify({ ...session, accessToken: `${session.accessToken}x` }));
    }, SESSION);
    await late.reload();
    await late.getByRole("link", { name: "long.bin", exact: true }).waitFor();
    await wrong.close();
  }
  step("a clock that is an hour off does not matter");

  // Another place ends the session.
  const { page: elsewhere } = await open();
  await signIn(elsewhere, origin, words, "bea@example.com");
  await elsewhere.getByRole("link", { name: words.account }).click();
  await elsewhere.getByRole("button", { name: words.signOutEverywhere }).click();
  await elsewhere.waitForURL(`${origin}/`);
  await until(page, async () => {
    await page.goto(`${origin}/app/usage`);
    return Promise.race([
      page.getByText(words.signedOut).waitFor().then(() => true),
      page.locator("figure svg").waitFor().then(() => false),
    ]);
  }, "the session is over");
  await page.getByLabel(words.email).fill("bea@example.com");
  await page.getByLabel(words.password).fill("another password");
  await page.getByRole("button", { name: words.signIn }).click();
  await page.getByText(words["error.invalid_credentials"]).waitFor();
  await page.getByLabel(words.password).fill(PASSWORD);
  await page.getByRole("button", { name: words.signIn }).click();
  await page.getByRole("heading", { level: 1, name: words.usage }).waitFor();
  step("a session that ended elsewhere is said, and somebody goes on where they were");

  // A refresh token that was used twice ends its session.
  await page.evaluate(async (key) => {
    const session = JSON.parse(localStorage.getItem(key));
    const use = (refresh_token) => fetch("/v1/sessions/refresh", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ refresh_token }) });
    let token = session.refreshToken;
    for (let round = 0; round < 2; round += 1) token = (await (await use(token)).json()).refresh_token;
    // The first one was exchanged for the second, and that for the third.
    await use(session.refreshToken);
  }, SESSION);
  await page.evaluate((key) => {
    const session = JSON.parse(localStorage.getItem(key));
    localStorage.setItem(key, JSON.stringify({ ...session, expiresAt: 0 }));
  }, SESSION);
  await page.goto(`${origin}/app/usage`);
  await page.getByText(words.signedOut).waitFor();
  step("a refresh token that was used twice ends the session");
});
