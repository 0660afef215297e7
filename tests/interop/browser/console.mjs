// The console in a browser, from the first visit on: somebody signs up, uploads a film, watches it, says what it is, shows it to
// everybody, looks at the account, and leaves for good.
//
//     console.mjs ORIGIN FILM OTHER-FILM CAPTIONS LANGUAGE
//
// Prints a line for each step; the exit code is 1 where one fails.

import { PASSWORD, inspect, play, signIn, signUp, tell, until, upload } from "./stage.mjs";

const [origin, film, other, captions, language] = process.argv.slice(2);
const TITLE = 'A <b>film</b> & "more"';

await tell(language, async ({ open, words, step, show, expect }) => {
  const { page } = await open();
  show(page);
  await page.goto(origin);
  await page.getByText(words.noFeed).waitFor();
  await inspect(page, "the empty feed");
  await signUp(page, origin, words, "ada");
  await page.getByText(words.noVideos).waitFor();
  await page.waitForSelector("meter");
  const used = () => page.locator("meter").first().evaluate((meter) => meter.value);
  const before = await used();
  step("signed up");

  await upload(page, words, film, 1);
  await until(page, async () => (await used()) > before, "the quota moves");
  await until(page, async () => (await page.locator(".poster img").count()) === 1, "a poster from the film");
  await inspect(page, "the videos");
  step("uploaded: the quota moved, and the film has a poster");

  const requests = [];
  const count = (request) => ["fetch", "xhr"].includes(request.resourceType()) && !request.url().endsWith("/poster") && requests.push(request.url());
  page.on("request", count);
  await page.reload();
  await page.locator("ul.rows > li").waitFor();
  await page.waitForSelector("meter >> nth=1");
  await page.waitForLoadState("networkidle");
  page.off("request", count);
  if (requests.length > 4) throw new Error(`the list asks too much:\n${requests.join("\n")}`);
  step("the list is at most four requests, after a reload");

  await page.locator("ul.rows > li a").first().click();
  await play(page);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await inspect(page, "a video");
  step("watched by its owner");

  await page.goBack();
  await page.getByRole("link", { name: words.edit }).click();
  // Another visibility ends a player's links, and another film its parts: it may ask for some just then.
  expect(/404 .*\/(tracks|playback)\//);
  await page.getByLabel(words.title, { exact: true }).fill(TITLE);
  await page.getByLabel(words.description, { exact: true }).fill("<img src=x onerror=alert(1)> and two\nlines");
  await page.getByLabel(words.tags, { exact: true }).fill("cats, <i>dogs</i>");
  await page.getByLabel(words.visibility).selectOption("public");
  await page.getByRole("button", { name: words.save }).click();
  await page.getByText(words.saved).first().waitFor();
  await page.getByLabel(words.language).fill("de");
  await page.getByLabel(words.captionsFile).setInputFiles(captions);
  await page.getByRole("button", { name: words.add, exact: true }).click();
  await page.getByText("de (").waitFor();
  await play(page);
  await page.getByRole("button", { name: words.posterNow }).click();
  await page.getByText(words.posterTaken).waitFor();
  await page.getByRole("button", { name: words.makeLinks }).click();
  await page.getByRole("button", { name: `${words.copyLink}: HLS` }).click();
  await until(page, async () => (await page.evaluate(() => navigator.clipboard.readText())).includes("/v1/playback/"), "a link in the clipboard");
  await inspect(page, "a video's settings");
  step("said what it is, with captions, a poster and links");

  await page.getByLabel(words.replace, { exact: true }).setInputFiles(other);
  await page.getByText(words.done, { exact: true }).waitFor();
  await page.getByRole("link", { name: words.watch, exact: true }).click();
  await play(page);
  if ((await page.locator("video track").count()) !== 1) throw new Error("the captions are gone");
  step("replaced, and watched again with captions");

  await page.getByRole("link", { name: words.videos }).click();
  const search = page.getByRole("searchbox");
  await search.fill("no such film");
  await search.press("Enter");
  await page.getByText(words.nothingFound).waitFor();
  await search.fill("");
  await search.press("Enter");
  await page.getByRole("button", { name: "<i>dogs</i>" }).click();
  await page.getByRole("button", { name: words.allTags }).click();
  await page.getByRole("link", { name: TITLE, exact: true }).waitFor();
  await page.getByRole("button", { name: words.delete }).click();
  await page.getByText(words.noVideos).waitFor();
  await page.getByRole("link", { name: words.trash }).click();
  await page.getByText(TITLE).waitFor();
  await inspect(page, "the trash");
  await page.getByRole("button", { name: words.restore }).click();
  await page.getByText(words.noTrash).waitFor();
  step("found, put into the trash and taken out of it");

  await page.getByRole("link", { name: words.usage }).click();
  await page.locator("figure svg").waitFor();
  await page.locator("tbody tr").first().waitFor();
  await inspect(page, "the usage");
  step("what was stored and moved");

  await page.getByRole("button", { name: words.signOut }).click();
  await page.getByText(TITLE).click();
  await play(page);
  await page.getByText("<img src=x onerror=alert(1)>").waitFor();
  await page.goto(`${origin}/app/health`);
  await page.getByText(words["state.ok"]).first().waitFor();
  await inspect(page, "the health");
  const { page: old } = await open();
  await old.addInitScript(() => {
    HTMLMediaElement.prototype.canPlayType = () => "";
  });
  await old.goto(origin);
  await old.getByText(TITLE).click();
  await play(old);
  if (!(await old.evaluate(() => document.querySelector("video").src)).startsWith("blob:")) throw new Error("hls.js does not play");
  step("watched by a stranger, and where the browser has no HLS");

  await page.goto(`${origin}/app/sign-in`);
  await inspect(page, "signing in");
  await signIn(page, origin, words, "ada@example.com");
  await page.getByRole("link", { name: words.account }).click();
  await page.getByText("ada@example.com").waitFor();
  await inspect(page, "the account");
  await page.getByLabel(words.currentPassword).fill(PASSWORD);
  await page.getByLabel(words.newPassword).fill(`${PASSWORD} and more`);
  await page.getByRole("button", { name: words.changePassword }).click();
  await page.getByText(words.passwordChanged).waitFor();
  await until(page, async () => (await page.locator("section.card li").count()) === 1, "one session is left");
  await page.getByLabel(words.username).fill("ada");
  await page.getByRole("button", { name: words.deleteAccount }).click();
  await page.waitForURL(`${origin}/`);
  // What was stored goes after the answer.
  await until(page, async () => {
    await page.reload();
    return Promise.race([
      page.getByText(words.noFeed).waitFor().then(() => true),
      page.locator("ul.grid li").first().waitFor().then(() => false),
    ]);
  }, "the film is gone");
  step("another password, and the account is gone");
});
