import { useEffect, useRef } from "react";
import styles from "./PlayerFrame.module.css";
import { type Command, CONNECT, READY, type Report } from "./protocol";
import { readReport } from "./readReport";

/**
 * Permissions of /player.html, which only replaces itself by a document with its own origin (frame/ownOrigin.ts), and of
 * a data: URL, which has one.
 */
const OPENING = "allow-scripts allow-same-origin";

/** Permissions of every document that replaces that one in turn. */
const OPENED = "allow-scripts";

/** The way to the document that replays. */
export interface FrameLink {
  /** Carried out after all earlier messages. Payloads of chunks are transferred: pass a copy if they are kept. */
  send: (command: Command) => void;
  /** Takes the reports from now on; there is one listener. Messages that are not reports are ignored. */
  listen: (listener: (report: Report) => void) => void;
}

interface PlayerFrameProps {
  /** Name for screen readers. */
  title: string;
  /** Called when the document is ready, with a new link each time that it is loaded. */
  onConnect: (link: FrameLink) => void;
  className?: string;
  /** A data: URL of the document, which has an origin of its own from the beginning; undefined: /player.html. */
  address?: string | undefined;
}

/**
 * The document in which recordings are shown, in a frame with its own origin and Content-Security-Policy. It shows
 * nothing until it gets a command (protocol.ts). The recorded page itself is in a frame of that document, which rrweb's
 * Replayer puts in a sandbox without scripts, forms, popups or navigation.
 */
export function PlayerFrame({ title, onConnect, className, address }: PlayerFrameProps) {
  const frame = useRef<HTMLIFrameElement>(null);
  const connected = useRef(onConnect);
  connected.current = onConnect;

  useEffect(() => {
    const element = frame.current;
    if (element === null) {
      return undefined;
    }
    let port: MessagePort | null = null;
    const open = (): void => {
      element.setAttribute("sandbox", OPENING);
      element.src = address ?? "/player.html";
    };
    const connect = (event: MessageEvent): void => {
      // A document of this origin is not the one that replays.
      if (event.source !== element.contentWindow || event.origin !== "null" || event.data !== READY) {
        return;
      }
      port?.close();
      port = null;
      if (element.getAttribute("sandbox") === OPENED) {
        // It was loaded again, as by the browser's menu, and now shares its origin with no frame.
        open();
        return;
      }
      if (address === undefined) {
        element.setAttribute("sandbox", OPENED);
      }
      const channel = new MessageChannel();
      port = channel.port1;
      // An opaque origin has no name to address it by.
      element.contentWindow?.postMessage(CONNECT, "*", [channel.port2]);
      connected.current(linkOf(channel.port1));
    };
    // A recorded dialog takes the focus when it opens; the keyboard stays with the player.
    const keepFocus = (): void => {
      if (document.activeElement === element) {
        element.blur();
      }
    };
    window.addEventListener("blur", keepFocus);
    window.addEventListener("message", connect);
    open();
    return () => {
      window.removeEventListener("blur", keepFocus);
      window.removeEventListener("message", connect);
      port?.close();
    };
  }, [address]);

  return <iframe ref={frame} title={title} className={[styles.frame, className].join(" ")} tabIndex={-1} />;
}

function linkOf(port: MessagePort): FrameLink {
  return {
    send(command) {
      port.postMessage(command, payloads(command));
    },
    listen(listener) {
      port.onmessage = (event: MessageEvent<unknown>) => {
        const report = readReport(event.data);
        if (report !== null) {
          listener(report);
        }
      };
    },
  };
}

function payloads(command: Command): ArrayBuffer[] {
  switch (command.type) {
    case "stage":
      return command.chunks.map((chunk) => chunk.payload);
    case "append":
    case "read":
      return [command.chunk.payload];
    default:
      return [];
  }
}
