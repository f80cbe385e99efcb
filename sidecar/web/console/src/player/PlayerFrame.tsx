import { useEffect, useRef } from "react";
import styles from "./PlayerFrame.module.css";
import { type Command, CONNECT, type Report } from "./protocol";

/** The way to the document that replays. */
export interface FrameLink {
  /** Carried out after all earlier messages. Payloads of chunks are transferred: pass a copy if they are kept. */
  send: (command: Command) => void;
  /** Takes the reports from now on; there is one listener. */
  listen: (listener: (report: Report) => void) => void;
}

interface PlayerFrameProps {
  /** Name for screen readers. */
  title: string;
  /** Called when the document is ready, with a new link each time that it is loaded. */
  onConnect: (link: FrameLink) => void;
  className?: string;
}

/**
 * The document in which recordings are shown, in a frame with its own Content-Security-Policy. It shows nothing until
 * it gets a command (protocol.ts). The recorded page itself is in a frame of that document, which rrweb's Replayer puts
 * in a sandbox without scripts, forms, popups or navigation.
 */
export function PlayerFrame({ title, onConnect, className }: PlayerFrameProps) {
  const frame = useRef<HTMLIFrameElement>(null);
  const connected = useRef(onConnect);
  connected.current = onConnect;

  useEffect(() => {
    const element = frame.current;
    if (element === null) {
      return undefined;
    }
    let port: MessagePort | null = null;
    const connect = (): void => {
      port?.close();
      const channel = new MessageChannel();
      port = channel.port1;
      element.contentWindow?.postMessage(CONNECT, location.origin, [channel.port2]);
      connected.current(linkOf(channel.port1));
    };
    // A recorded dialog takes the focus when it opens; the keyboard stays with the player.
    const keepFocus = (): void => {
      if (document.activeElement === element) {
        element.blur();
      }
    };
    window.addEventListener("blur", keepFocus);
    element.addEventListener("load", connect);
    // Set only now: its load event cannot be missed.
    element.src = "/player.html";
    return () => {
      window.removeEventListener("blur", keepFocus);
      element.removeEventListener("load", connect);
      port?.close();
    };
  }, []);

  return <iframe ref={frame} title={title} className={[styles.frame, className].join(" ")} tabIndex={-1} />;
}

function linkOf(port: MessagePort): FrameLink {
  return {
    send(command) {
      port.postMessage(command, payloads(command));
    },
    listen(listener) {
      port.onmessage = (event: MessageEvent<Report>) => {
        listener(event.data);
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
