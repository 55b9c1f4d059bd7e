// Logging in at a real OpenID provider (oidc-provider) with a browser. Run by tests/service/browser/oidc.rs:
//
//   node oidc.mjs PORT CONSOLE
//
// The provider listens on PORT. Prints one line a fact, and `later` where the clock of the service must go on before the next
// one: a line on stdin says that it did. Ends with 1 at the first fact that is not so.

import { strict as assert } from "node:assert";
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
// 8.x: later versions do not run on Node 18, which is Debian 12's
import Provider from "oidc-provider";
import { chromium } from "playwright-core";

const [port, base] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const said = (fact) => console.log(`OK ${fact}`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// a provider with a new key of this name; what it has stored is kept
function provider(kid) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return new Provider(issuer, {
    clients: [{
      client_id: "reroot", client_secret: 'of the client & "more"', redirect_uris: [`${base}/console/login/oidc/callback`],
      response_types: ["code"], grant_types: ["authorization_code"], id_token_signed_response_alg: "ES256",
    }],
    claims: { openid: ["sub", "groups"], email: ["email", "email_verified"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["of a TEST"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, groups: [id === "mallory" ? "staff" : "pki"] }),
    }),
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" }] },
    pkce: { methods: ["S256"], required: () => true },
  }).callback();
}

let answer = provider("one");
const server = createServer((request, response) => answer(request, response)).listen(port, "localhost");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

// a browser of a person, at the page of the provider
async function person() {
  const context = await browser.newContext();
  const page = await context.newPage();
  // the provider's own page asks for fonts
  await page.route((url) => url.hostname !== "localhost" && url.hostname !== "127.0.0.1", (route) => route.abort());
  await begin(page);
  return { context, page };
}

async function begin(page) {
  await page.goto(`${base}/console/login`);
  await page.getByRole("link", { name: "Log in with your organization" }).click();
}

async function show(page, name) {
  await page.fill("input[name=login]", name);
  await page.fill("input[name=password]", "any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

const inside = async (page, name) => {
  await page.waitForURL(`${base}/console/`);
  assert.equal(await page.textContent(".who strong"), `${name}@example.com`);
};

try {
  const olga = await person();
  await show(olga.page, "olga");
  await inside(olga.page, "olga");
  assert.match(await olga.page.textContent(".who small"), /operator/);
  const cookies = await olga.context.cookies(base);
  assert.deepEqual(cookies.map(({ name, sameSite, httpOnly }) => [name, sameSite, httpOnly]), [["reroot", "Strict", true]]);
  said("a person logs in, the session is in one strict cookie, and groups are roles");
  await olga.page.getByRole("button", { name: "Log out" }).click();
  await olga.page.waitForURL(`${base}/console/login`);
  await olga.page.goto(`${base}/console/`);
  assert.equal(new URL(olga.page.url()).pathname, "/console/login");
  said("the logout ends the session");

  const mallory = await person();
  await show(mallory.page, "mallory");
  await mallory.page.waitForSelector(".trouble");
  assert.match(await mallory.page.textContent("main"), /has a role here/);
  assert.deepEqual(await mallory.context.cookies(`${base}/console/jobs`).then((all) => all.map(({ name }) => name).filter((name) => name === "reroot")), []);
  const other = await person();
  await other.page.getByRole("link", { name: /cancel|abort/i }).click();
  await other.page.waitForSelector(".trouble");
  assert.match(await other.page.textContent("main"), /access_denied/);
  said("a person without a group and one who turns back are not logged in");

  answer = provider("two");
  console.log("later");
  await lines.next();
  await begin(olga.page);
  await inside(olga.page, "olga");
  said("the provider has changed its key, and knows the person still");
} catch (error) {
  console.error(error.stack ?? error);
  process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
  process.stdin.destroy();
}
