// Records the three sample sessions with rrweb in Chromium, driven by real input events.
// `npm ci --ignore-scripts && npm run record` (README.md); `node record.mjs shop-mobile` records only one.
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { SHOP, library, openBrowser, serveShop } from "./browser.mjs";

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const MOBILE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 3, isMobile: true, hasTouch: true };

/** Mouse and keyboard input at a human pace: moves, pauses and typing. */
class Desk {
  #at = { x: 640, y: 400 };

  constructor(page) {
    this.page = page;
  }

  async glide(selector) {
    const target = this.page.locator(selector).first();
    await target.scrollIntoViewIfNeeded();
    const box = await target.boundingBox();
    const to = { x: box.x + Math.min(box.width / 2, 120), y: box.y + Math.min(box.height / 2, 100) };
    const from = this.#at;
    for (let step = 1; step <= 14; step += 1) {
      const eased = (1 - Math.cos((Math.PI * step) / 14)) / 2;
      const bend = Math.sin(Math.PI * eased) * 18;
      await this.page.mouse.move(from.x + (to.x - from.x) * eased, from.y + (to.y - from.y) * eased + bend);
      await sleep(28);
    }
    this.#at = to;
  }

  async click(selector, pauseMs = 900) {
    await this.glide(selector);
    await sleep(160);
    await this.page.mouse.down();
    await sleep(70);
    await this.page.mouse.up();
    await sleep(pauseMs);
  }

  async burst(selector, times) {
    await this.glide(selector);
    for (let index = 0; index < times; index += 1) {
      await this.page.mouse.click(this.#at.x + (index % 3), this.#at.y + (index % 2), { delay: 40 });
      await sleep(110);
    }
  }

  async type(selector, text) {
    await this.click(selector, 250);
    await this.page.keyboard.type(text, { delay: 55 });
    await sleep(250);
  }

  async wheel(distance) {
    for (let left = Math.abs(distance); left > 0; left -= 120) {
      await this.page.mouse.wheel(0, Math.sign(distance) * Math.min(left, 120));
      await sleep(90);
    }
    await sleep(500);
  }
}

/** Touch input on a phone: taps and swipes as touch points, which the browser turns into scrolling. */
class Thumb {
  #points;

  constructor(page, points) {
    this.page = page;
    this.#points = points;
  }

  static async on(page) {
    return new Thumb(page, await page.context().newCDPSession(page));
  }

  async tap(selector, pauseMs = 900) {
    const target = this.page.locator(selector).first();
    let box = await target.boundingBox();
    for (let tries = 0; tries < 5 && (box.y < 110 || box.y + Math.min(box.height, 180) > 820); tries += 1) {
      if (selector.startsWith("nav ")) break; // The header stays in view.
      await this.swipe(Math.max(-420, Math.min(420, box.y - 360)));
      box = await target.boundingBox();
    }
    await this.page.touchscreen.tap(box.x + box.width / 2, box.y + Math.min(box.height / 2, 90));
    await sleep(pauseMs);
  }

  async swipe(distance) {
    const startY = distance > 0 ? 640 : 260;
    const touch = (type, touchPoints) => this.#points.send("Input.dispatchTouchEvent", { type, touchPoints });
    await touch("touchStart", [{ x: 205, y: startY }]);
    for (let step = 1; step <= 12; step += 1) {
      await touch("touchMove", [{ x: 205 + step, y: startY - (distance * step) / 12 }]);
      await sleep(24);
    }
    await touch("touchEnd", []);
    await sleep(700);
  }

  async type(selector, text) {
    await this.tap(selector, 350);
    await this.page.keyboard.type(text, { delay: 60 });
    await sleep(250);
  }
}

async function checkout(page) {
  const desk = new Desk(page);
  await page.goto(SHOP);
  await sleep(1200);
  await desk.wheel(480);
  await desk.click('[data-kind="lamp"]');
  await desk.click('[data-id="orbit"]', 1400);
  await desk.click("#add", 1500);
  await desk.click('nav a[href="index.html"]', 1000);
  await desk.wheel(600);
  await desk.click('[data-id="meadow"]', 1200);
  await page.locator("#quantity").focus();
  await page.keyboard.press("ArrowDown");
  await sleep(500);
  await desk.click("#add", 1300);
  await desk.click('nav a[href="cart.html"]', 1200);
  await desk.click('[data-id="orbit"][data-step="1"]', 700);
  await desk.click('[data-id="orbit"][data-step="-1"]', 700);
  await desk.click("#checkout", 1200);
  await desk.type("#full-name", "Ada Lindqvist");
  await desk.type("#email", "ada.lindqvist@example.com");
  await desk.type("#phone", "+1 202 555 0142");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await desk.type("#street", "12 Sample Street");
  await desk.type("#card", "4111 1111 1111 1111");
  await desk.type("#code", "123");
  await desk.type("#note", "Second door on the left, the bell hums.");
  await desk.click("#news", 600);
  await desk.click("#pay", 1800);
  await desk.glide("#number");
  await sleep(900);
  await desk.click('main a[href="index.html"]', 1500);
}

async function errors(page) {
  const desk = new Desk(page);
  await page.goto(SHOP);
  await sleep(1000);
  await desk.click('[data-id="harbour"]', 500);
  await page.keyboard.press("Alt+ArrowLeft"); // Headless Chromium may ignore it; goBack makes sure.
  if (page.url() !== SHOP) await page.goBack();
  await sleep(1200);
  await desk.click('nav a[href="account.html"]', 1300);
  await desk.click('[data-invoice="LL-2041"]', 1500);
  await desk.click('[data-invoice="LL-2077"]', 1200);
  await desk.click('[data-invoice="LL-2077"]', 1200);
  await desk.click("#refresh", 1600);
  await desk.burst("#download", 8);
  await sleep(1500);
  await desk.click('nav a[href="journal.html"]', 1000);
  await desk.wheel(1800);
  await desk.wheel(-600);
  await desk.wheel(900);
  await desk.click('nav a[href="account.html"]', 1200);
  await desk.click("#refresh", 1500);
}

async function mobile(page) {
  const thumb = await Thumb.on(page);
  await page.goto(SHOP);
  await sleep(1200);
  await thumb.swipe(420);
  await thumb.swipe(380);
  await thumb.tap('[data-id="drift"]', 1400);
  await thumb.swipe(320);
  await thumb.tap("#add", 1500);
  await thumb.swipe(-360);
  await thumb.tap('nav a[href="journal.html"]', 1200);
  for (let index = 0; index < 5; index += 1) await thumb.swipe(460);
  await thumb.swipe(-300);
  await thumb.tap('nav a[href="cart.html"]', 1200);
  await thumb.tap("#checkout", 1200);
  await thumb.type("#full-name", "Noor Example");
  await thumb.type("#email", "noor@example.com");
  await thumb.swipe(380);
  await thumb.type("#street", "7 Test Lane");
  await sleep(800);
}

const VISITS = {
  "shop-checkout": { screen: DESKTOP, visit: checkout },
  "shop-errors": { screen: DESKTOP, visit: errors },
  "shop-mobile": { screen: MOBILE, visit: mobile },
};

/** Runs one visit in a fresh profile and returns its events: of all pages, in order. */
async function record(browser, recorder, { screen, visit }) {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...screen });
  const page = await context.newPage();
  const events = [];
  await page.exposeFunction("keepEvent", (event) => events.push(JSON.parse(event)));
  await page.addInitScript(`${recorder};
    if (window.top === window) rrweb.record({
      emit: (event) => keepEvent(JSON.stringify(event)),
      plugins: [rrwebPluginConsoleRecord.getRecordConsolePlugin(), rrwebPluginNetworkRecord.getRecordNetworkPlugin()],
    });`);
  await visit(page);
  await sleep(800); // The last mouse moves are flushed every 500 ms.
  await context.close();
  return events;
}

const recorder = [
  await library("rrweb", "rrweb"),
  await library("@rrweb/rrweb-plugin-console-record", "rrweb-plugin-console-record"),
  await library("@rrweb/rrweb-plugin-network-record", "rrweb-plugin-network-record"),
].join(";\n");
const wanted = process.argv.slice(2);
const server = await serveShop();
const browser = await openBrowser(server.address().port);
try {
  for (const [name, plan] of Object.entries(VISITS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const events = await record(browser, recorder, plan);
    const packed = gzipSync(JSON.stringify(events), { level: 9 });
    await writeFile(new URL(`./${name}.json.gz`, import.meta.url), packed);
    const seconds = (events.at(-1).timestamp - events[0].timestamp) / 1000;
    console.log(`${name}: ${events.length} events, ${seconds.toFixed(1)} s, ${packed.length} bytes`);
  }
} finally {
  await browser.close();
  server.close();
}
