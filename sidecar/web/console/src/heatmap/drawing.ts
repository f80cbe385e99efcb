// Draws heatmaps on a canvas: gradients add up in its alpha channel, which then becomes colour.
import { falloff, gradientsOf } from "./gradients";
import { type Extent, type HeatmapData, isBands } from "./heatmapData";
import { colourise, rampColour } from "./ramp";

/** Most pixels of a drawing: taller pages are drawn coarser and stretched. 8 million are 32 MB. */
const MAX_PIXELS = 8_000_000;

/** Longest side of a canvas that browsers draw. */
const MAX_SIDE = 16_384;

/** Bands cover all of the page, which must be read through them. */
const BAND_OPACITY = 0.5;

/** Radius of the one gradient that all others are scaled from, in pixels. */
const SPRITE_RADIUS = 64;

/** Colour stops of a gradient: enough that its curve shows no edges. */
const SPRITE_STOPS = 16;

let sprite: HTMLCanvasElement | undefined;

/**
 * Draws a heatmap.
 *
 * @param canvas Gets the size of the drawing.
 * @param page Size of the page it lies over, in CSS pixels.
 * @param size How many pixels it covers on the screen.
 */
export function draw(canvas: HTMLCanvasElement, heat: HeatmapData, page: Extent, size: Extent): void {
  const { width, height } = bounded(size);
  canvas.width = width;
  canvas.height = height;
  // Its pixels are read back: without this they would first go to the graphics card.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null || heat.points.length === 0) {
    return;
  }
  if (isBands(heat.kind)) {
    drawBands(context, heat);
  } else {
    drawPlaces(context, heat, page);
  }
}

function drawPlaces(context: CanvasRenderingContext2D, heat: HeatmapData, page: Extent): void {
  const { width, height } = context.canvas;
  context.save();
  // Both scales, as the page on the screen may be a pixel off its proportions.
  context.scale(width / page.width, height / page.height);
  context.globalCompositeOperation = "lighter";
  const { gradients, reach } = gradientsOf(heat, page, 1);
  const shape = gradientSprite();
  for (const { x, y, strength } of gradients) {
    context.globalAlpha = strength;
    context.drawImage(shape, x - reach, y - reach, 2 * reach, 2 * reach);
  }
  context.restore();
  const pixels = context.getImageData(0, 0, width, height);
  colourise(pixels.data);
  context.putImageData(pixels, 0, 0);
}

/** Bands are constant over the page's width; between the middles of two of them the colour runs over. */
function drawBands(context: CanvasRenderingContext2D, heat: HeatmapData): void {
  const { width, height } = context.canvas;
  const rows = new Map(heat.points.map((point) => [Math.floor((point.y * heat.resolution) / 100), point.intensity]));
  const gradient = context.createLinearGradient(0, 0, 0, height);
  for (let row = 0; row < heat.resolution; row++) {
    gradient.addColorStop((row + 0.5) / heat.resolution, rampColour(rows.get(row) ?? 0, BAND_OPACITY));
  }
  context.fillStyle = gradient;
  context.fillRect(0, 0, width, height);
}

/** Returns the gradient that is drawn for every point; made once. */
function gradientSprite(): HTMLCanvasElement {
  if (sprite === undefined) {
    sprite = document.createElement("canvas");
    sprite.width = sprite.height = 2 * SPRITE_RADIUS;
    const context = sprite.getContext("2d");
    if (context !== null) {
      const middle = SPRITE_RADIUS;
      const gradient = context.createRadialGradient(middle, middle, 0, middle, middle, SPRITE_RADIUS);
      for (let stop = 0; stop <= SPRITE_STOPS; stop++) {
        gradient.addColorStop(stop / SPRITE_STOPS, `rgb(0 0 0 / ${falloff(stop / SPRITE_STOPS)})`);
      }
      context.fillStyle = gradient;
      context.fillRect(0, 0, sprite.width, sprite.height);
    }
  }
  return sprite;
}

/** Returns the size of a drawing that covers `size` pixels: the same, or smaller in proportion. */
function bounded({ width, height }: Extent): Extent {
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (width * height)), MAX_SIDE / width, MAX_SIDE / height);
  return { width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
}
