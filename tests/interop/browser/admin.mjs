// The console in a browser, by keyboard alone where somebody signs in, and as an admin sees it.
//
//     admin.mjs ORIGIN LANGUAGE
//
// There is an admin `root@example.com`. Prints a line for each step; the exit code is 1 where one fails.

import { PASSWORD, inspect, signUp, tell, until } from "./stage.mjs";

const [origin, language] = process.argv.slice(2);

await tell(language, async ({ open, words, step, show, expect }) => {
  const { page: other } = await open();
  show(other);
  await signUp(other, origin, words, "cleo");

  const { page } = await open();
  show(page);
  await page.goto(origin);
  await page.getByText(words.noFeed).waitFor();
  /** Goes on with the tabulator until the focus is on what has this name. */
  const reach = async (name) => {
    for (let steps = 0; steps < 40; steps += 1) {
      await page.keyboard.press("Tab");
      const focused = await page.evaluate(() => {
        const element = document.activeElement;
        return element?.labels?.[0]?.textContent ?? element?.textContent ?? "";
      });
      if (focused.startsWith(name)) return;
    }
    throw new Error(`the tabulator does not reach ${name}`);
  };
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement?.textContent);
  if (first !== words.skip) throw new Error(`the first stop is ${first}`);
  await reach(words.signIn);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${origin}/app/sign-in`);
  // The heading of a view gets the focus when it is there.
  await page.waitForFunction(() => document.activeElement?.tagName === "H1");
  await reach(words.email);
  await page.keyboard.type("root@example.com");
  await reach(words.password);
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${origin}/app/videos`);
  await page.getByText(words.noVideos).waitFor();
  await reach(words.chooseFiles);
  await page.goto(`${origin}/app/videos`);
  await reach(words.users);
  await page.keyboard.press("Enter");
  step("signed in by keyboard alone");

  const card = page.locator("main li.card", { hasText: "cleo@example.com" });
  await card.waitFor();
  await inspect(page, "the users");
  await card.getByLabel(words.storageLimit).fill("1000000");
  await card.getByRole("button", { name: words.save }).click();
  await card.getByText(words.saved).waitFor();
  await card.getByRole("button", { name: words.usedToday }).click();
  await card.getByText(`${words.usedToday}:`).waitFor();
  await until(other, async () => {
    await other.reload();
    await other.waitForSelector("meter");
    return (await other.locator("meter").first().evaluate((meter) => meter.max)) === 1_000_000;
  }, "the limit holds");
  expect(/409/);
  const own = page.locator("main li.card", { hasText: "root@example.com" });
  await own.getByLabel(words.disabled).check();
  await own.getByRole("button", { name: words.save }).click();
  await own.getByText(words["error.own_account"]).waitFor();
  step("gave somebody a limit, and could not disable oneself");

  await page.getByRole("link", { name: words.log }).click();
  await page.locator("ul.log li").first().waitFor();
  await page.getByLabel(words.action, { exact: true }).fill("user.limits_changed");
  await page.getByRole("button", { name: words.filter }).click();
  await until(page, async () => (await page.locator("ul.log li").count()) === 1, "one entry");
  await page.locator("ul.log summary").click();
  await inspect(page, "the log");
  await page.getByLabel(words.action, { exact: true }).fill("session.failed");
  await page.getByRole("button", { name: words.filter }).click();
  await page.getByRole("button", { name: words.liveTail }).click();
  await page.getByText(words.tailRuns).waitFor();
  expect(/401/);
  await until(page, async () => {
    await other.evaluate(() => fetch("/v1/sessions", { method: "POST", headers: { "content-type": "application/json" }, body: '{"email":"cleo@example.com","password":"not this one"}' }));
    return (await page.locator("ul.log li").count()) > 0;
  }, "an entry arrives");
  await inspect(page, "the live log");
  await page.getByRole("button", { name: words.stopTail }).click();
  step("found in the log, and seen as it arrived");

  await page.getByRole("link", { name: words.metrics }).click();
  await page.locator("dl.bars dd").first().waitFor();
  await page.getByText(words.requestsByRoute).waitFor();
  await inspect(page, "the metrics");
  await page.getByRole("link", { name: words.health }).click();
  await page.getByText(words["state.ok"]).first().waitFor();
  step("metrics and health");

  expect(/403/);
  await other.goto(`${origin}/app/users`);
  await other.getByText(words.forAdmins).waitFor();
  step("nobody else sees that");
});
