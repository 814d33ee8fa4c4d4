// Opens a report in headless Chromium: no console message, no request, filter and
// sort work, nothing is wider than the screen, all is there without scripts.
// Usage: page.mjs REPORT.html FOLDER-WITH-NODE-MODULES [SCREENSHOT-PREFIX]
import { createRequire } from "node:module";
const [file, tools, out] = process.argv.slice(2);
const { chromium } = createRequire(tools + "/")("playwright-core");
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox","--disable-gpu","--disable-quic","--no-first-run","--disable-background-networking","--disable-component-update","--disable-sync"] });
const errors = [];
for (const [w,h] of [[1280, 900],[400, 800]]) {
  const page = await browser.newPage({ viewport: { width: w, height: h } });
  page.on("console", m => { if (m.type() === "error" || m.type()==="warning") errors.push(m.text()); });
  page.on("pageerror", e => errors.push(String(e)));
  page.on("request", r => { if (!r.url().startsWith("file:")) errors.push("request " + r.url()); });
  const t = Date.now();
  await page.goto("file://" + file);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  console.log(`${file.split("/").pop()} at ${w}: ${await page.locator("tbody.flow").count()} flows in ${Date.now() - t} ms`);
  if (wider > 0) errors.push(`${wider} pixels too wide at ${w}`);
  if (out) await page.screenshot({ path: `${out}-${w}.png` });
  const d = page.locator("tbody.flow details").first();
  if (await d.count()) { await d.locator("summary").click(); await d.scrollIntoViewIfNeeded(); if (out) await page.screenshot({ path: `${out}-${w}-open.png` }); }
  const all = await page.locator("tbody.flow:visible").count();
  const word = (await page.locator("tbody.flow th").first().textContent()).trim();
  await page.fill("#words", word);
  const some = await page.locator("tbody.flow:visible").count();
  await page.fill("#words", "no such thing at all");
  const none = await page.locator("tbody.flow:visible").count();
  await page.fill("#words", "");
  await page.selectOption("#impact", "blocked");
  const blocked = await page.locator("tbody.flow:visible").evaluateAll(x => x.every(e => e.dataset.impact === "blocked"));
  await page.selectOption("#impact", "");
  if (!(some >= 1 && some <= all && none === 0 && blocked)) errors.push("filter");
  if (w > 700) {
    await page.click("thead th[data-key=id] button");
    const ids = await page.locator("tbody.flow th").allTextContents();
    const sorted = [...ids].map(s => s.trim().toLowerCase());
    if (JSON.stringify(sorted) !== JSON.stringify([...sorted].sort())) errors.push("sort");
    await page.click("thead th[data-key=id] button");
    const back = (await page.locator("tbody.flow th").allTextContents()).map(s => s.trim().toLowerCase());
    if (JSON.stringify(back) !== JSON.stringify([...sorted].reverse())) errors.push("sort down");
  }
  await page.close();
}
// Without scripts everything is there.
const plain = await browser.newContext({ javaScriptEnabled: false });
const p = await plain.newPage();
await p.goto("file://" + file);
const count = await p.locator("tbody.flow:visible").count();
if (count === 0) errors.push("nothing without scripts");
if (await p.locator("form.filter:visible").count()) errors.push("filter without scripts");
await browser.close();
if (errors.length) { console.error(errors); process.exit(1); }
