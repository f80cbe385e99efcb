// The only script of the file that is written out. It inflates the player and runs it; the file's
// Content-Security-Policy has the hash of the player's text, and lets no other one run.
import { textOf } from "./parts";

document.addEventListener("DOMContentLoaded", () => {
  void open();
});

async function open(): Promise<void> {
  try {
    const script = document.createElement("script");
    script.textContent = await textOf("player");
    document.body.append(script);
  } catch (error) {
    const line = document.querySelector("#root p");
    if (line !== null) {
      line.textContent = `This recording cannot be opened here. ${String(error)}`;
    }
  }
}
