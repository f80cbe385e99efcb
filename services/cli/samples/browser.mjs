// Shared by recording and checking: the shop's web server, and Chromium from PATH.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { delimiter, extname, join } from "node:path";
import { chromium } from "playwright-core";

/** The shop's address inside the recordings; Chromium resolves it to this machine. */
export const SHOP = "http://shop.example.com/";

const SITE = new URL("../../../sidecar/web/demo/", import.meta.url);
const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript" };
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/** Serves the demo shop and its two API answers on a free port. */
export async function serveShop() {
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, SHOP);
    if (pathname === "/api/orders") {
      const failing = searchParams.get("page") === "2";
      response.writeHead(failing ? 500 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(failing ? { error: "orders are resting" } : { number: "LL-2093" }));
      return;
    }
    if (pathname === "/recorder.js") {
      // In the demo shop this is Afterimage's recorder; here rrweb itself records.
      response.writeHead(200, { "content-type": TYPES[".js"] }).end();
      return;
    }
    const name = pathname === "/" ? "index.html" : pathname.slice(1);
    try {
      if (!/^[a-z]+\.(html|css|js)$/.test(name)) throw new Error("not a file of the site");
      const body = await readFile(new URL(name, SITE));
      response.writeHead(200, { "content-type": TYPES[extname(name)] }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** Starts the Chromium that is on PATH (or the one CHROMIUM names). Only the shop's name resolves. */
export async function openBrowser(port) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(existsSync);
  const executablePath = process.env.CHROMIUM ?? found;
  if (!executablePath) throw new Error(`no Chromium on PATH: install one of ${NAMES.join(", ")}, or set CHROMIUM`);
  const rules = `MAP shop.example.com:80 127.0.0.1:${port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`;
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--mute-audio", `--host-resolver-rules=${rules}`],
  });
}

/** The text of a package's minified browser build: `library("rrweb", "rrweb")`. */
export async function library(name, file) {
  const main = createRequire(import.meta.url).resolve(name);
  return readFile(join(main, "..", `${file}.umd.min.cjs`), "utf8");
}
