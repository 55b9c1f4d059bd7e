// The console in a browser. Run by tests/service/browser/mod.rs, which starts `reroot serve --demo`:
//
//   node console.mjs OPERATOR_LINK APPROVER_LINK ADMIN_LINK REEL [SCREENSHOTS]
//
// Prints one line a fact; ends with 1 at the first that is not so. With SCREENSHOTS it keeps pictures of every page.

import { strict as assert } from "node:assert";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [operatorLink, approverLink, adminLink, reel, pictures] = process.argv.slice(2);
const base = new URL(operatorLink).origin;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [360, 768, 1280];
const HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202egnp.zip";
if (pictures) mkdirSync(pictures, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const said = (fact) => console.log(`OK ${fact}`);
const faults = [];
const pages = [];

async function person(link, options = {}) {
  const context = await browser.newContext({ baseURL: base, viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  pages.push(page);
  page.on("console", (line) => { if (line.type() === "error" && !/status of 4\d\d|net::ERR_FAILED/.test(line.text())) faults.push(`${page.url()}: ${line.text()}`); });
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error.message}`));
  page.on("dialog", (dialog) => { faults.push(`${page.url()}: a dialog: ${dialog.message()}`); dialog.dismiss(); });
  if (link) {
    await page.goto(link);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForURL("**/console/");
  }
  return { context, page };
}

// follows a link, until the page behind it is there
const followed = (page, name) => Promise.all([page.waitForEvent("load"), page.getByRole("link", { name }).click()]);

// axe-core on a page, which must not be stopped by the page's own policy: it is injected by the debugger
async function accessible(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const lines = found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)}: ${node.failureSummary}`));
  assert.deepEqual(lines, [], `axe-core on ${name}`);
}

async function looked(person, name, path) {
  const { page } = person;
  if (path) await page.goto(path);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(over <= 0, `${name} at ${width} px is ${over} px too wide`);
    if (pictures) await page.screenshot({ path: join(pictures, `${name}-${width}.png`), fullPage: true });
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await accessible(page, name);
  await page.emulateMedia({ colorScheme: "dark" });
  await accessible(page, `${name} in the dark`);
  for (const width of pictures ? WIDTHS : []) {
    await page.setViewportSize({ width, height: 900 });
    await page.screenshot({ path: join(pictures, `${name}-${width}-dark.png`), fullPage: true });
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  assert.equal(await page.locator("h1").count(), 1, `${name} has one heading of the first level`);
}

try {
  const stranger = await person();
  await looked(stranger, "login", "/console/login");
  await stranger.page.goto("/console/jobs");
  assert.equal(new URL(stranger.page.url()).pathname, "/console/login");
  await looked(stranger, "link", operatorLink);
  said("without a session there is the login and nothing else");

  const anna = await person(operatorLink);
  await looked(anna, "dashboard-empty");
  said("a link logs in");
  await stranger.page.goto(operatorLink);
  assert.match(await stranger.page.textContent("main"), /not known, was used already/);
  await looked(stranger, "trouble");
  said("a link logs in once");

  // an upload whose name would be markup, by the form with progress
  const hostile = join(tmpdir(), `reroot-console-${process.pid}.zip`);
  writeFileSync(hostile, readFileSync(reel));
  await anna.page.goto("/console/uploads");
  await anna.page.setInputFiles("#file", { name: HOSTILE, mimeType: "application/zip", buffer: readFileSync(hostile) });
  await anna.page.getByRole("button", { name: "Upload", exact: true }).click();
  await anna.page.waitForSelector("table tbody tr");
  assert.match(await anna.page.textContent("td.name"), /^<img src=x onerror=alert\(1\)>"'&\\u\{202e\}gnp\.zip$/);
  await looked(anna, "uploads");
  said("a file is uploaded with progress and its hash, and its name is text");

  // a drop
  const dropped = Array.from(Buffer.concat([readFileSync(reel), Buffer.from("x")]));
  await anna.page.evaluate((bytes) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], "dropped.bin"));
    document.getElementById("upload").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, dropped);
  await anna.page.waitForSelector("td.name:text-is('dropped.bin')");
  said("a file can be dropped");

  await anna.page.getByRole("link", { name: /^New job with <img/ }).click();
  await anna.page.waitForURL("**/jobs/new?*");
  await looked(anna, "new-job-choose");
  await anna.page.getByRole("button", { name: "Continue" }).click();
  await anna.page.waitForSelector("#preview + .scroll table, #preview");
  assert.match(await anna.page.textContent("main"), /keyUsage[\s\S]*digitalSignature[\s\S]*key_usage = /);
  await looked(anna, "new-job");
  said("the first certificate is shown beside the lines of the policy");

  await anna.page.getByRole("button", { name: "Dry run" }).click();
  await anna.page.waitForSelector("#state .state.good");
  await looked(anna, "dry-run");
  said("a dry run ends");
  await anna.page.getByRole("button", { name: "Issue what was checked" }).click();
  await anna.page.waitForFunction(() => document.querySelector("#state").textContent.includes("awaiting approval"));
  const job = anna.page.url();
  await looked(anna, "job-waiting");
  await looked(anna, "approve-own", `${job}/approve`);
  await anna.page.goto(job);
  said("the job waits for an approval, and the page follows without being asked");

  const bert = await person(approverLink);
  await looked(bert, "dashboard");
  await followed(bert.page, "Review");
  await looked(bert, "approve");
  await bert.page.getByRole("checkbox").check();
  await bert.page.getByRole("button", { name: "Approve" }).click();
  await anna.page.waitForFunction(() => document.querySelector("#state").textContent.includes("published"), null, { timeout: 60000 });
  said("the page of the one who asked follows the approval of the second person");
  await looked(anna, "job-published");
  await followed(anna.page, "Open the batch");
  await looked(anna, "batch");
  // the link's own request with the cookies of the browser: how a download is shown differs between versions of Chromium
  const link = await anna.page.getByRole("link", { name: "certificates.zip" }).getAttribute("href");
  const sent = await anna.context.request.get(link);
  assert.match(sent.headers()["content-disposition"], /^attachment; filename="certificates\.zip"/);
  assert.equal((await sent.body()).subarray(0, 2).toString(), "PK");
  said("the certificates are downloaded");
  await looked(anna, "batches", "/console/batches");
  await looked(anna, "jobs", "/console/jobs");
  await looked(anna, "findings", `${job}/findings`);

  const uid = /0209[0-9A-F]{18}/.exec(readFileSync(reel, "latin1"))[0];
  await anna.page.getByRole("searchbox").fill(uid);
  await anna.page.keyboard.press("Enter");
  await anna.page.waitForURL(`**/console/chips/${uid}`);
  await looked(anna, "chip");
  said("a chip is found by its UID");
  await anna.page.getByRole("searchbox").fill(HOSTILE);
  await anna.page.keyboard.press("Enter");
  await anna.page.waitForSelector(".trouble");
  await looked(anna, "search-nothing");
  said("a search for markup shows text");

  // the chip is revoked: counted, asked for, on the lists
  await anna.page.goto(`/console/chips/${uid}`);
  await anna.page.getByRole("link", { name: "Revoke" }).click();
  await anna.page.selectOption("#reason", "keyCompromise");
  await looked(anna, "revoke");
  await anna.page.getByRole("button", { name: "Dry run" }).click();
  await anna.page.waitForSelector("#state .state.good");
  await looked(anna, "revoke-dry-run");
  await anna.page.getByRole("button", { name: "Revoke what was counted" }).click();
  await anna.page.waitForSelector("text=The lists that say it", { timeout: 60000 });
  await looked(anna, "revoke-recorded");
  await anna.page.getByRole("link", { name: "The lists that say it" }).click();
  await anna.page.waitForFunction(() => document.querySelector("#state").textContent.includes("awaiting approval"));
  await looked(anna, "crls-empty", "/console/crls");
  await anna.page.getByRole("link", { name: /^Job / }).click();
  await bert.page.goto(`${anna.page.url()}/approve`);
  await looked(bert, "approve-round");
  await bert.page.getByRole("checkbox").check();
  await bert.page.getByRole("button", { name: "Approve" }).click();
  await anna.page.waitForFunction(() => document.querySelector("#state").textContent.includes("published"), null, { timeout: 60000 });
  await looked(anna, "round-published");
  await looked(anna, "crls", "/console/crls");
  assert.match(await anna.page.textContent("tbody"), /full\.crl[\s\S]*current/);
  await looked(anna, "revocations", "/console/revocations");
  await looked(anna, "chip-revoked", `/console/chips/${uid}`);
  assert.match(await anna.page.textContent("h2 .state.bad"), /revoked/);
  await looked(anna, "dashboard-full", "/console/");
  said("a chip is revoked, its lists are made, and its page says so");

  // the same session without JavaScript: a file, a dry run, and a link where the page would follow by itself
  const plain = await browser.newContext({ baseURL: base, javaScriptEnabled: false, storageState: await anna.context.storageState() });
  const still = await plain.newPage();
  await still.goto("/console/uploads");
  await still.setInputFiles("#file", { name: "plain.zip", mimeType: "application/zip", buffer: Buffer.concat([readFileSync(reel), Buffer.from("y")]) });
  await still.getByRole("button", { name: "Upload", exact: true }).click();
  await still.getByRole("link", { name: "New job with plain.zip" }).click();
  await still.getByRole("button", { name: "Continue" }).click();
  await still.getByRole("button", { name: "Dry run" }).click();
  while (await still.locator("#state .state.busy").count()) await still.getByRole("link", { name: "Look again" }).click();
  await still.waitForSelector("#state");
  await plain.close();
  said("without JavaScript a dry run is asked for and followed");

  await looked(anna, "policies", "/console/policies");
  await followed(anna.page, "tls-client");
  await looked(anna, "policy");
  await looked(anna, "stations", "/console/stations");

  const admin = await person(adminLink);
  await looked(admin, "admin", "/console/admin");
  await admin.page.fill("#name", "carla@example.com");
  await admin.page.locator("form[action='/console/admin/users'] input[value=auditor]").check();
  await admin.page.getByRole("button", { name: "Add the user" }).click();
  await admin.page.waitForSelector("text=carla@example.com");
  await admin.page.fill("#owner", "line-1");
  await admin.page.locator("form[action='/console/admin/tokens'] input[value=station]").check();
  await admin.page.getByRole("button", { name: "Make the token" }).click();
  assert.match(await admin.page.textContent(".once"), /rrt_[0-9a-f]{12}_/);
  await looked(admin, "admin-token");
  said("an administrator adds a user and a token, whose text is shown once");
  await admin.page.goto("/console/policies");
  await followed(admin.page, "tls-client");
  await admin.page.getByRole("link", { name: "Change the text" }).click();
  const text = await admin.page.inputValue("#text");
  await admin.page.fill("#text", text.replace('not_after = "10y"', 'not_after = "ten"'));
  await admin.page.getByRole("button", { name: "Check" }).click();
  await admin.page.waitForSelector(".places li");
  await looked(admin, "policy-mistakes");
  await admin.page.fill("#text", text.replace('not_after = "10y"', 'not_after = "9y"'));
  await admin.page.getByRole("button", { name: "Store as a draft" }).click();
  await admin.page.waitForSelector(".difference");
  await looked(admin, "policy-draft");
  said("a policy's mistakes are shown at their places, and a draft beside the active one");
  await admin.page.goto("/console/audit");
  await looked(admin, "audit-head");

  // keyboard: the first key leads to the content, and the focus is seen
  await anna.page.goto("/console/");
  await anna.page.keyboard.press("Tab");
  assert.equal(await anna.page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await anna.page.keyboard.press("Enter");
  assert.equal(await anna.page.evaluate(() => document.activeElement.id), "main");
  await anna.page.keyboard.press("Tab");
  assert.notEqual(await anna.page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
  said("the keyboard reaches the content");
  if (pictures) await anna.page.pdf({ path: join(pictures, "dashboard.pdf") });

  // an upload that breaks off keeps nothing
  await anna.page.goto("/console/uploads");
  const before = await anna.page.locator("tbody tr").count();
  await anna.page.route("**/console/uploads", (route) => route.request().method() === "POST" ? route.abort() : route.continue());
  await anna.page.setInputFiles("#file", { name: "broken.bin", mimeType: "application/zip", buffer: Buffer.from("x") });
  await anna.page.getByRole("button", { name: "Upload", exact: true }).click();
  await anna.page.waitForSelector("text=broken.bin was not taken");
  await anna.page.unroute("**/console/uploads");
  await anna.page.goto("/console/uploads");
  assert.equal(await anna.page.locator("tbody tr").count(), before);
  said("an upload that breaks off is said to be gone, and is");

  await anna.page.getByRole("button", { name: "Log out" }).click();
  await anna.page.waitForURL("**/console/login");
  await anna.page.goto(job);
  assert.equal(new URL(anna.page.url()).pathname, "/console/login");
  said("after the logout the session is over");

  // a page of a different site in a frame, and a form of it
  const evil = await bert.context.newPage();
  await evil.route("http://evil.example/", (route) => route.fulfill({
    contentType: "text/html",
    body: `<iframe src="${base}/console/"></iframe><form method="post" action="${base}/console/logout"><input name="form_token" value="x"><button>go</button></form>`,
  }));
  await evil.goto("http://evil.example/");
  const [, framed] = evil.frames();
  assert.equal(await framed.evaluate(() => document.location.href), "chrome-error://chromewebdata/");
  const [answer] = await Promise.all([evil.waitForResponse(`${base}/console/logout`), evil.getByRole("button").click()]);
  assert.equal(answer.status(), 403);
  await bert.page.goto("/console/");
  assert.equal(await bert.page.textContent("h1"), "Dashboard");
  said("a different site has no frame of the console, and its form is refused");

  assert.deepEqual(faults, [], "what the browser complained of");
  said("the browser complained of nothing");
} catch (error) {
  console.error(error.stack ?? error);
  for (const page of pages) {
    const shown = await page.innerText("main", { timeout: 1000 }).catch((none) => String(none));
    console.error(`--- ${page.url()}\n${shown.slice(0, 1000)}`);
  }
  console.error(faults.join("\n"));
  process.exitCode = 1;
} finally {
  await browser.close();
}
