// The only script of the file that is written out. It inflates the player and runs it; the file's
// Content-Security-Policy has the hash of the player's text, and lets no other one run.
import { textOf } from "./parts";

document.addEventListener("DOMContentLoaded", () => {
  void open();
});

async function open(): Promise<void> {
  const script = document.createElement("script");
  try {
    script.textContent = await textOf("player");
  } catch (error) {
    explain(String(error));
    return;
  }
  script.addEventListener("securitypolicyviolation", () => {
    explain("The player in it was changed.");
  });
  document.body.append(script);
}

function explain(why: string): void {
  const line = document.querySelector("#root p");
  if (line !== null) {
    line.textContent = `This recording cannot be opened here. ${why}`;
  }
}
