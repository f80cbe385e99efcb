// Builds offline.html: the player in one file, to which services/export/formats/html.py adds a session. Everything is
// inline: a boot script, the player, and the document that replays, both packed. The Content-Security-Policy in the file
// allows these three scripts by their hashes, and no connection.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Plugin, type PluginOption, type UserConfig } from "vite";

const folder = fileURLToPath(new URL("src/offline/", import.meta.url));

/** The policy of a document without its `script-src` and `frame-src`: that of the player, without a server. */
const POLICY = [
  "default-src 'none'",
  // Recorded pages have inline styles.
  "style-src 'unsafe-inline'",
  "img-src data: blob:",
  "font-src data:",
  "media-src data: blob:",
  "connect-src 'none'",
  "worker-src 'none'",
  "object-src 'none'",
  "form-action 'none'",
  "base-uri 'none'",
];

interface OfflineOptions {
  plugins: PluginOption[];
  resolve: UserConfig["resolve"];
  target: string[];
}

/** A Vite plugin that writes offline.html beside the files of a build. */
export function offlineFile(options: OfflineOptions): Plugin {
  return {
    name: "afterimage:offline-file",
    apply: "build",
    async writeBundle({ dir }) {
      await writeFile(join(dir ?? "", "offline.html"), await written(options));
    },
  };
}

async function written(options: OfflineOptions): Promise<string> {
  const boot = await bundled("boot.ts", options);
  const player = await bundled("main.tsx", options);
  const replay = await bundled("frame.ts", options);
  const scripts = [boot.script, player.script, replay.script].map(source);
  const frame =
    '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
    `<meta http-equiv="Content-Security-Policy" content="${policy([source(replay.script)], "'none'")}">` +
    '<meta name="referrer" content="no-referrer"><meta http-equiv="x-dns-prefetch-control" content="off">' +
    `<title>Replay</title><style>${replay.style}</style></head><body><script>${replay.script}</script></body></html>`;
  const values: Readonly<Record<string, string>> = {
    policy: policy(scripts, "data:"),
    style: player.style,
    boot: boot.script,
    player: packed(player.script),
    frame: packed(frame),
  };
  const template = await readFile(join(folder, "template.html"), "utf-8");
  // The hash of a script is that of its element's text, with all spaces in it.
  return template.replace(/\s*%(\w+)%\s*/g, (place, name: string) => values[name] ?? place);
}

function policy(scripts: readonly string[], frames: string): string {
  return [...POLICY, `script-src ${scripts.join(" ")}`, `frame-src ${frames}`].join("; ");
}

/** Returns the source that allows a script: https://www.w3.org/TR/CSP3/#match-element-to-source-list */
function source(script: string): string {
  return `'sha256-${createHash("sha256").update(script).digest("base64")}'`;
}

function packed(text: string): string {
  return gzipSync(text, { level: 9 }).toString("base64");
}

async function bundled(entry: string, options: OfflineOptions): Promise<{ script: string; style: string }> {
  const { plugins, resolve, target } = options;
  const made = await build({
    configFile: false,
    logLevel: "warn",
    plugins,
    resolve: resolve ?? {},
    build: {
      write: false,
      target,
      assetsInlineLimit: Number.MAX_SAFE_INTEGER,
      cssCodeSplit: false,
      modulePreload: false,
      rolldownOptions: { input: join(folder, entry), output: { format: "iife" } },
    },
  });
  if (Array.isArray(made) || !("output" in made)) {
    throw new Error(`${entry} was not built`);
  }
  let [script, style] = ["", ""];
  for (const file of made.output) {
    if (file.type === "chunk") {
      script += file.code;
    } else if (file.fileName.endsWith(".css")) {
      style += String(file.source);
    } else {
      throw new Error(`${entry} has a file beside it: ${file.fileName}`);
    }
  }
  return { script: inlined(script.trim()), style: style.trim() };
}

/** Returns a script as it can stand in a document: in strings and expressions the replacements have the same meaning. */
function inlined(script: string): string {
  const safe = script.replaceAll("</script", "<\\/script").replaceAll("<!--", "\\x3C!--");
  if (/[\0\r]/.test(safe)) {
    throw new Error("a script has characters that a parser of HTML changes");
  }
  return safe;
}
