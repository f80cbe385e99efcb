// The player of the file that one session is exported to: that of the console, with the session of the file.
import { createRoot } from "react-dom/client";
import "../ui/base.css";
import "../ui/tokens.css";
import { OfflinePage } from "./OfflinePage";
import { textOf } from "./parts";
import { sessionOf } from "./sessionFile";

void open();

async function open(): Promise<void> {
  const root = document.querySelector("#root");
  if (root === null) {
    return;
  }
  try {
    const frame = await textOf("frame");
    const session = sessionOf(await textOf("session"));
    const address = `data:text/html;charset=utf-8,${encodeURIComponent(frame)}#/player.html`;
    createRoot(root).render(<OfflinePage session={session} frameAddress={address} />);
  } catch (error) {
    root.textContent = `This recording cannot be opened here. ${String(error)}`;
  }
}
