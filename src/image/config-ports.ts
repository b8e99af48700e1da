/**
 * The ports of one word of EXPOSE (`80`, `80/udp`, `8000-8002`, `127:80` as people write it by mistake) as the image's
 * configuration names them; undefined for what BuildKit refuses, and for a word with an IP address.
 */
export function exposedPorts(word: string): readonly string[] | undefined {
  const parts = word.split(':');
  if (parts.length > 2) return undefined;
  const [port = '', protocol = ''] = cut(parts.at(-1) as string, '/');
  const proto = protocol === '' ? 'tcp' : protocol.toLowerCase();
  if (!/^(?:tcp|udp|sctp)$/.test(proto)) return undefined;
  const range = rangeOf(port);
  if (range === undefined) return undefined;
  const [start, end] = range;
  if (parts.length === 2 && parts[0] !== '') {
    const host = rangeOf(parts[0] as string);
    if (host === undefined || (host[1] - host[0] !== end - start && end !== start)) return undefined;
  }
  return Array.from({ length: end - start + 1 }, (_, index) => `${start + index}/${proto}`);
}

function rangeOf(text: string): readonly [number, number] | undefined {
  const [first = '', last = first] = cut(text, '-');
  const [start, end] = [numberOf(first), numberOf(last)];
  return start === undefined || end === undefined || end < start ? undefined : [start, end];
}

function numberOf(text: string): number | undefined {
  const number = /^\+?\d+$/.test(text) ? Number(text) : Number.NaN;
  return number <= 65_535 ? number : undefined;
}

function cut(text: string, at: string): readonly [string, string | undefined] {
  const place = text.indexOf(at);
  return place < 0 ? [text, undefined] : [text.slice(0, place), text.slice(place + 1)];
}
