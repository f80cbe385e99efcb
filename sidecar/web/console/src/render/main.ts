// The document in which exports are drawn, frame by frame: a headless browser without a network loads it, and
// services/export/rendering calls `afterimageRender`. It shows recordings as the player's document does, and as that
// one it runs no script of theirs.
import "@rrweb/replay/dist/style.css";
import "../player/frame/frame.css";
import { FrameClock } from "./frameClock";
import "./render.css";
import { RenderPage } from "./renderPage";

const clock = new FrameClock();
clock.takeOver(window);

declare global {
  interface Window {
    afterimageRender: RenderPage;
  }
}

window.afterimageRender = new RenderPage(clock);
