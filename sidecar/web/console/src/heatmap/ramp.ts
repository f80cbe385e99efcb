// The colours of heat. Lightness rises in equal steps from cold to hot (OKLCH), so the order is readable without
// distinguishing hues: in greyscale, and with red-green colour blindness. Cold is nearly transparent: the page shows
// through.

/** A stop: intensity 0 to 1, then OKLCH lightness (0 to 1), chroma and hue in degrees, then opacity (0 to 1). */
type Stop = readonly [intensity: number, lightness: number, chroma: number, hue: number, opacity: number];

const STOPS: readonly [Stop, ...Stop[]] = [
  [0, 0.4, 0.17, 276, 0],
  [0.08, 0.43, 0.19, 284, 0.34],
  [0.25, 0.53, 0.22, 312, 0.66],
  [0.5, 0.655, 0.22, 361, 0.78],
  [0.75, 0.78, 0.17, 415, 0.86],
  [1, 0.91, 0.17, 462, 0.92],
];

/** Colours in a ramp: as many as an alpha channel of 8 bits has values. */
export const RAMP_SIZE = 256;

/** Red, green, blue and alpha (0 to 255, not premultiplied) of each of the RAMP_SIZE intensities. */
export const RAMP: Uint8ClampedArray = ramp();

/**
 * Returns a colour of the ramp for style sheets.
 *
 * @param intensity 0 to 1; values outside get the colour of the nearer end.
 * @param opacity 0 to 1, in place of the ramp's own.
 */
export function rampColour(intensity: number, opacity: number): string {
  const place = Math.round(Math.min(Math.max(intensity, 0), 1) * (RAMP_SIZE - 1)) * 4;
  const [red, green, blue] = RAMP.subarray(place, place + 3);
  return `rgb(${red} ${green} ${blue} / ${opacity})`;
}

/** Replaces pixels with an intensity (0 to 255) as alpha by the ramp's colours, in place. */
export function colourise(pixels: Uint8ClampedArray): void {
  // As words of 32 bits, so that a pixel is one look-up; both sides have the machine's byte order.
  const words = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length >> 2);
  const colours = new Uint32Array(RAMP.buffer);
  for (let index = 0; index < words.length; index++) {
    const intensity = pixels[index * 4 + 3] ?? 0;
    words[index] = intensity === 0 ? 0 : (colours[intensity] ?? 0);
  }
}

function ramp(): Uint8ClampedArray {
  const colours = new Uint8ClampedArray(RAMP_SIZE * 4);
  for (let index = 0; index < RAMP_SIZE; index++) {
    const [lightness, chroma, hue, opacity] = between(index / (RAMP_SIZE - 1));
    colours.set([...oklchToRgb(lightness, chroma, hue), opacity * 255], index * 4);
  }
  return colours;
}

/** Returns lightness, chroma, hue and opacity at an intensity, between the stops. */
function between(intensity: number): readonly [number, number, number, number] {
  const upper = STOPS.findIndex(([at]) => at >= intensity);
  const [high, low] = [STOPS[upper], STOPS[upper - 1]];
  if (high === undefined || low === undefined) {
    const [, ...first] = STOPS[0];
    return first;
  }
  const part = (intensity - low[0]) / (high[0] - low[0]);
  const mix = (from: number, to: number): number => from + (to - from) * part;
  return [mix(low[1], high[1]), mix(low[2], high[2]), mix(low[3], high[3]), mix(low[4], high[4])];
}

/** Returns sRGB (0 to 255) of OKLCH: https://bottosson.github.io/posts/oklab. Out of gamut is clipped. */
function oklchToRgb(lightness: number, chroma: number, hue: number): [number, number, number] {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encoded(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
    encoded(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
    encoded(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short),
  ];
}

/** Returns a linear channel (0 to 1) with the curve of sRGB, 0 to 255. */
function encoded(linear: number): number {
  const channel = Math.min(Math.max(linear, 0), 1);
  return 255 * (channel <= 0.0031308 ? 12.92 * channel : 1.055 * channel ** (1 / 2.4) - 0.055);
}
