// Stretches of time. Pure.

/** A stretch of time, in milliseconds since 1970 UTC. */
export interface Span {
  fromMs: number;
  toMs: number;
}

/** Returns the spans in the order of time, with those that touch or overlap joined, and empty ones left out. */
export function joined(spans: readonly Span[]): Span[] {
  const found: Span[] = [];
  for (const span of spans.filter(isSome).sort((one, other) => one.fromMs - other.fromMs)) {
    const last = found.at(-1);
    if (last !== undefined && span.fromMs <= last.toMs) {
      found[found.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, span.toMs) };
    } else {
      found.push(span);
    }
  }
  return found;
}

/** Returns the parts of a span that lie in none of `holes`, in the order of time. */
export function without(span: Span, holes: readonly Span[]): Span[] {
  const found: Span[] = [];
  let fromMs = span.fromMs;
  for (const hole of joined(holes)) {
    found.push({ fromMs, toMs: Math.min(hole.fromMs, span.toMs) });
    fromMs = Math.max(fromMs, hole.toMs);
  }
  found.push({ fromMs, toMs: span.toMs });
  return found.filter(isSome);
}

/** Returns the parts of `spans` that lie in a span. */
export function within(span: Span, spans: readonly Span[]): Span[] {
  return spans
    .map(({ fromMs, toMs }) => ({ fromMs: Math.max(fromMs, span.fromMs), toMs: Math.min(toMs, span.toMs) }))
    .filter(isSome);
}

function isSome({ fromMs, toMs }: Span): boolean {
  return toMs > fromMs;
}
