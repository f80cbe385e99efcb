// Carries out the recorded commands of one canvas on a canvas of this document, which no recorded page reaches. A command
// is a method or a property of the drawing context itself and takes values that hold nothing but data: a recording
// cannot name any other object, load a file or run a script.
import { CanvasContext, type canvasMutationData } from "@rrweb/types";
import { imageOf, list, record, type Size } from "./pictures";

/** Largest canvas that is drawn, in pixels; as the largest of Safari (https://webkit.org/b/195325). */
const MOST_PIXELS = 16_777_216;

/** Change of a canvas. */
export type DrawingStep =
  | { kind: "commands"; data: canvasMutationData }
  /** Its size is set, which clears it; null: this length stays. */
  | { kind: "size"; width: number | null; height: number | null }
  /** A whole new picture. */
  | { kind: "picture"; url: string };

/** Members of the contexts that do more than drawing. */
const REFUSED = new Set(["canvas", "constructor", "makeXRCompatible", "drawingBufferStorage"]);

/** Classes of values in commands that hold numbers. */
const ARRAYS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
} as const;

/** Objects of WebGL that later commands name by their number (rrweb's list). */
const NUMBERED: readonly string[] = [
  "WebGLActiveInfo",
  "WebGLBuffer",
  "WebGLFramebuffer",
  "WebGLProgram",
  "WebGLRenderbuffer",
  "WebGLShader",
  "WebGLShaderPrecisionFormat",
  "WebGLTexture",
  "WebGLUniformLocation",
  "WebGLVertexArrayObject",
];

type Context = CanvasRenderingContext2D | WebGLRenderingContext | WebGL2RenderingContext;

/** A canvas that is drawn. */
export class Drawing {
  readonly #surface = document.createElement("canvas");
  readonly #numbered = new Map<string, unknown[]>();
  #context: Context | null = null;
  #ground: string;

  /** @param ground The picture to begin with; empty: none. */
  constructor({ width, height }: Size, ground: string) {
    this.#surface.width = width;
    this.#surface.height = height;
    this.#ground = ground;
  }

  get size(): Size {
    return { width: this.#surface.width, height: this.#surface.height };
  }

  /** Returns the picture as a data URL; null: the canvas is too large, or has no size. */
  picture(): string | null {
    return this.#isTooLarge ? null : imageOf(this.#surface.toDataURL());
  }

  /** Carries out steps in their order; a command that cannot be carried out is left out. */
  async carryOut(steps: readonly DrawingStep[]): Promise<void> {
    for (const step of steps) {
      switch (step.kind) {
        case "size":
          this.#surface.width = step.width ?? this.#surface.width;
          this.#surface.height = step.height ?? this.#surface.height;
          this.#ground = "";
          break;
        case "picture":
          await this.#begin(CanvasContext["2D"]);
          await this.#drawWhole(step.url);
          break;
        case "commands": {
          const { data } = step;
          await this.#begin(data.type);
          for (const command of "commands" in data ? list(data.commands) : [data]) {
            await this.#perform(record(command)).catch(() => undefined);
          }
          break;
        }
      }
    }
  }

  get #isTooLarge(): boolean {
    return this.#surface.width * this.#surface.height > MOST_PIXELS;
  }

  async #begin(type: CanvasContext): Promise<void> {
    if (this.#isTooLarge) {
      this.#context = null;
      return;
    }
    this.#context ??= this.#contextOf(type);
    const ground = this.#ground;
    this.#ground = "";
    await this.#drawWhole(ground);
  }

  #contextOf(type: CanvasContext): Context | null {
    switch (type) {
      case CanvasContext.WebGL:
        return this.#surface.getContext("webgl", { preserveDrawingBuffer: true });
      case CanvasContext.WebGL2:
        return this.#surface.getContext("webgl2", { preserveDrawingBuffer: true });
      default:
        return this.#surface.getContext("2d");
    }
  }

  async #drawWhole(url: string): Promise<void> {
    if (url === "" || !(this.#context instanceof CanvasRenderingContext2D)) {
      return;
    }
    const image = await decoded(url).catch(() => null);
    if (image !== null) {
      const { width, height } = this.#surface;
      this.#context.save();
      this.#context.resetTransform();
      this.#context.clearRect(0, 0, width, height);
      this.#context.drawImage(image, 0, 0, width, height);
      this.#context.restore();
    }
  }

  async #perform({ property, args, setter }: Readonly<Record<string, unknown>>): Promise<void> {
    const context = this.#context;
    if (context === null || typeof property !== "string" || REFUSED.has(property)) {
      return;
    }
    const member = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(context), property);
    const values = await Promise.all(list(args).map((arg) => this.#valueOf(arg)));
    if (setter === true) {
      const [value] = values;
      // A filter, or a font, by an address.
      if (typeof value !== "string" || !/url\s*\(|\\/i.test(value)) {
        member?.set?.call(context, value);
      }
      return;
    }
    const method: unknown = member?.value;
    if (typeof method === "function") {
      this.#number((method as (...values: unknown[]) => unknown).apply(context, values));
    }
  }

  #number(result: unknown): void {
    const name = typeof result === "object" && result !== null ? result.constructor.name : "";
    if (NUMBERED.includes(name)) {
      const known = this.#numbered.get(name) ?? [];
      this.#numbered.set(name, known.includes(result) ? known : [...known, result]);
    }
  }

  /** @throws If commands do not take such values. */
  async #valueOf(arg: unknown): Promise<unknown> {
    if (typeof arg !== "object" || arg === null) {
      return arg;
    }
    if (Array.isArray(arg)) {
      return Promise.all(arg.map((part) => this.#valueOf(part)));
    }
    const value = record(arg);
    const name = String(value.rr_type);
    if (typeof value.index === "number") {
      return this.#numbered.get(name)?.[value.index];
    }
    const args = await Promise.all(list(value.args).map((part) => this.#valueOf(part)));
    switch (name) {
      case "ArrayBuffer":
        return bytesOf(value.base64);
      case "DataView":
        return new DataView(args[0] as ArrayBuffer, ...(args.slice(1) as number[]));
      case "ImageData":
        return new ImageData(args[0] as ImageDataArray, args[1] as number, args[2] as number);
      case "Blob": {
        const parts = await Promise.all(list(value.data).map((part) => this.#valueOf(part)));
        return new Blob(parts as ArrayBuffer[], { type: String(value.type) });
      }
      case "ImageBitmap":
        return createImageBitmap(args[0] as Blob);
      case "HTMLImageElement":
      case "HTMLCanvasElement":
        return decoded(imageOf(value.src) ?? "");
      default: {
        if (!Object.hasOwn(ARRAYS, name)) {
          throw new TypeError(`a command has a ${name}`);
        }
        const [first, ...others] = args;
        const Class = ARRAYS[name as keyof typeof ARRAYS];
        return first instanceof ArrayBuffer
          ? new Class(first, ...(others as number[]))
          : new Class(list(first) as number[]);
      }
    }
  }
}

function bytesOf(base64: unknown): ArrayBuffer {
  return Uint8Array.from(atob(String(base64)), (character) => character.charCodeAt(0)).buffer;
}

async function decoded(url: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}
