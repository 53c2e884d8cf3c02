import type { Rgb } from '../colours.ts';
import { dotsOf, GLYPH_HEIGHT, widthOf } from './font.ts';

/** A rectangle of pixels: x to the right, y downwards. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface TextStyle {
  readonly colour: Rgb;
  /** Pixels a dot of the font takes. */
  readonly scale: number;
  readonly align?: 'left' | 'right' | 'centre';
}

const BLACK: Rgb = [0, 0, 0];

/** An RGB picture to draw on; what falls outside is cut off. */
export class Canvas {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3] */
  readonly rgb: Uint8Array;

  constructor(width: number, height: number, background: Rgb) {
    this.width = width;
    this.height = height;
    this.rgb = new Uint8Array(width * height * 3);
    this.fill({ x: 0, y: 0, width, height }, background);
  }

  pixel(x: number, y: number, colour: Rgb): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const at = 3 * (y * this.width + x);
    this.rgb[at] = colour[0];
    this.rgb[at + 1] = colour[1];
    this.rgb[at + 2] = colour[2];
  }

  /** The red of a pixel, which is its grey where it has no colour; 0 outside. */
  greyAt(x: number, y: number): number {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return 0;
    return this.rgb[3 * (y * this.width + x)]!;
  }

  fill(area: Area, colour: Rgb): void {
    const left = Math.max(0, area.x);
    const right = Math.min(this.width, area.x + area.width);
    for (let y = Math.max(0, area.y); y < Math.min(this.height, area.y + area.height); y++) {
      for (let at = 3 * (y * this.width + left); at < 3 * (y * this.width + right); at += 3) {
        this.rgb[at] = colour[0];
        this.rgb[at + 1] = colour[1];
        this.rgb[at + 2] = colour[2];
      }
    }
  }

  /** A straight line, one pixel wide, between two points. */
  line(from: readonly [number, number], to: readonly [number, number], colour: Rgb): void {
    const steps = Math.max(1, Math.ceil(Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]))));
    for (let step = 0; step <= steps; step++) {
      const t = step / steps;
      this.pixel(Math.round(from[0] + t * (to[0] - from[0])), Math.round(from[1] + t * (to[1] - from[1])), colour);
    }
  }

  /** Text with a black rim, so that it reads on any grey; (x, y) is its top left, right or centre point. */
  text(x: number, y: number, text: string, { colour, scale, align = 'left' }: TextStyle): void {
    const width = widthOf(text) * scale;
    const left = Math.round(align === 'left' ? x : align === 'right' ? x - width : x - width / 2);
    const dots = [...dotsOf(text)];
    for (const [dx, dy] of dots) {
      this.fill({ x: left + dx * scale - 1, y: y + dy * scale - 1, width: scale + 2, height: scale + 2 }, BLACK);
    }
    for (const [dx, dy] of dots) {
      this.fill({ x: left + dx * scale, y: y + dy * scale, width: scale, height: scale }, colour);
    }
  }
}

/** Height of a line of text in pixels. */
export function textHeight(scale: number): number {
  return GLYPH_HEIGHT * scale;
}
