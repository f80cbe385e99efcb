// A WebSocket client made of the `ws` package: sends every line of standard input (base64, "text:" before text frames),
// prints every frame that comes (base64, or as text), and last the close code. Arguments: url, origin ("" for none), and
// the subprotocols.
import { createInterface } from "node:readline";
import WebSocket from "ws";

const [url, origin, ...protocols] = process.argv.slice(2);
const socket = new WebSocket(url, protocols, { origin: origin || undefined, perMessageDeflate: false });
socket.on("unexpected-response", (_request, response) => {
  console.log(JSON.stringify({ refused: response.statusCode, retryAfter: response.headers["retry-after"] ?? null }));
  process.exit(0);
});
socket.on("error", (error) => console.error(error.message));
socket.on("open", async () => {
  console.log(JSON.stringify({ protocol: socket.protocol }));
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "close") socket.close(1000);
    else if (line.startsWith("text:")) socket.send(line.slice(5));
    else socket.send(Buffer.from(line, "base64"));
  }
});
socket.on("message", (data, isBinary) => console.log(isBinary ? data.toString("base64") : data.toString()));
socket.on("close", (code, reason) => {
  console.log(JSON.stringify({ close: code, word: reason.toString() }));
  process.exit(0);
});
