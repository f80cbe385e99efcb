// Plays the samples in rrweb's own Replayer in Chromium and fails on any console warning or error.
// `npm run check`, or `node check.mjs FOLDER` to save a picture of the middle of each.
// `node check.mjs --play FOLDER` plays the recordings (.json.gz) of a folder in their place.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { library, openBrowser, serveShop } from "./browser.mjs";

const HERE = new URL("./", import.meta.url);
const words = process.argv.slice(2);
const other = words[0] === "--play";
const folder = other ? pathToFileURL(`${words[1]}/`) : HERE;
const pictures = other ? undefined : words[0];
const replayer = await library("rrweb", "rrweb");
const style = await readFile(new URL("./node_modules/rrweb/dist/style.css", HERE), "utf8");
const server = await serveShop();
const browser = await openBrowser(server.address().port);
let failed = false;
try {
  for (const file of (await readdir(folder)).filter((name) => name.endsWith(".json.gz")).sort()) {
    const events = JSON.parse(gunzipSync(await readFile(new URL(file, folder))));
    const { width, height } = events.find((event) => event.type === 4).data;
    const page = await browser.newPage({ viewport: { width, height } });
    const complaints = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.setContent(`<style>${style} body { margin: 0 }</style>`);
    await page.addScriptTag({ content: replayer });
    const play = (fromPart) =>
      page.evaluate(async ({ recorded, part, speed }) => {
        const player = new rrweb.Replayer(recorded, { speed, mouseTail: false });
        const ended = new Promise((resolve) => player.on("finish", resolve));
        player.play(player.getMetaData().totalTime * part);
        await ended;
        player.destroy();
      }, { recorded: events, part: fromPart, speed: other ? 40 : 8 });
    await play(0);
    await play(0.5);
    if (pictures) {
      await page.evaluate((recorded) => {
        const player = new rrweb.Replayer(recorded, { mouseTail: false });
        player.pause(player.getMetaData().totalTime * 0.75);
      }, events);
      await page.waitForTimeout(500);
      await page.screenshot({ path: join(pictures, `${file.split(".")[0]}.png`) });
    }
    await page.close();
    failed ||= complaints.length > 0;
    console.log(`${file}: ${complaints.length === 0 ? "plays" : complaints.join("\n  ")}`);
  }
} finally {
  await browser.close();
  server.close();
}
process.exitCode = failed ? 1 : 0;
