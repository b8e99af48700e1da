import { count, formatBytes, formatSeconds } from './format.ts';

/** What changed since an earlier build, as it is shown. */
export interface ShownChange {
  /** `requirements.txt`, `base python:3.11-slim`, `COPY . /app`. */
  readonly subject: string;
  /** `numpy 2.1.0 -> 2.2.0`. At least one. */
  readonly what: readonly string[];
  /** New layers that come of it. */
  readonly layers: number;
  /** Of how many in the image. */
  readonly of: number;
  /** Of the files in those layers. */
  readonly bytes: number;
  /** What it took when it was made; null if that is not known. */
  readonly seconds: number | null;
}

/** More of one change is only counted. */
const NAMED = 4;

/**
 * `requirements.txt: numpy 2.1.0 -> 2.2.0; 1 of 61 layers, 18.0 MB, 2.1 s`.
 *
 * @param measured what the bytes are of: ` of files`
 */
export function changeText(change: ShownChange, measured = ''): string {
  const { subject, what, layers, of, bytes, seconds } = change;
  const more = what.length - NAMED;
  const list = more > 1 ? [...what.slice(0, NAMED), `${more} more`] : what;
  const isBase = subject.startsWith('base ');
  const said = isBase ? list.join('; ') : list.join(', ');
  const cost = [
    ...(layers === 0 ? [] : [of > layers ? `${layers} of ${count(of, 'layer')}` : count(layers, 'layer')]),
    ...(bytes === 0 ? [] : [`${formatBytes(bytes)}${measured}`]),
    ...(seconds === null || seconds < 0.05 ? [] : [formatSeconds(seconds)]),
  ];
  return [`${subject}: ${said}`, ...(cost.length === 0 ? [] : [cost.join(', ')])].join('; ');
}
