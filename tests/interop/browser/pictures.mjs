// Pictures of eight views of the console, for the documentation. A person runs it, on an application of its own where an admin
// `root@example.com` may sign in:
//
//     cargo xtask up --state-dir DIR --variable admin_email=root@example.com --variable "admin_password=a long enough phrase"
//     BROWSER_MODULES=target/interop/browser/node node tests/interop/browser/pictures.mjs ORIGIN FOLDER FILM …

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { PASSWORD, play, signIn, signUp, tell, upload } from "./stage.mjs";

const [origin, folder, ...films] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

await tell("en", async ({ open, words, step, show }) => {
  const wide = { viewport: { width: 1000, height: 720 } };
  const { page } = await open(wide);
  show(page);
  const picture = async (page, name) => {
    await page.waitForLoadState("networkidle");
    await page.screenshot({ path: join(folder, `${name}.png`) });
    step(name);
  };
  await page.goto(`${origin}/app/sign-in`);
  await picture(page, "sign-in");
  await signUp(page, origin, words, "ada");
  await upload(page, words, films, films.length);
  // Private posters come when they are in sight.
  await page.locator("ul.rows > li").last().scrollIntoViewIfNeeded();
  await page.locator(".poster img").nth(films.length - 1).waitFor();
  await page.reload();
  await page.locator(".poster img").first().waitFor();
  await picture(page, "videos");
  for (let place = 0; place < films.length; place += 1) {
    await page.goto(`${origin}/app/videos`);
    await page.getByRole("link", { name: words.edit }).nth(place).click();
    await page.getByLabel(words.title, { exact: true }).fill(["A morning at the lake", "How the bread was made", "Two minutes of rain"][place] ?? "A film");
    await page.getByLabel(words.tags, { exact: true }).fill("home, 2026");
    await page.getByLabel(words.visibility).selectOption("public");
    await page.getByRole("button", { name: words.save }).click();
    await page.getByText(words.saved).first().waitFor();
  }
  await picture(page, "edit");
  await page.getByRole("link", { name: words.watch, exact: true }).click();
  await play(page);
  await picture(page, "watch");
  await page.getByRole("link", { name: words.usage }).click();
  await page.locator("figure svg").waitFor();
  await picture(page, "usage");

  const { page: phone } = await open({ viewport: { width: 390, height: 780 }, colorScheme: "dark" });
  await phone.goto(origin);
  await phone.locator(".poster img").first().waitFor();
  await picture(phone, "feed-dark");

  const { page: admin } = await open(wide);
  await signIn(admin, origin, words, "root@example.com", PASSWORD);
  await admin.goto(`${origin}/app/log`);
  await admin.locator("ul.log li").first().waitFor();
  await picture(admin, "log");
  await admin.goto(`${origin}/app/metrics`);
  await admin.locator("dl.bars dd").first().waitFor();
  await picture(admin, "metrics");
});
