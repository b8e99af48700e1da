const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  '\u00b5s': 1e3,
  '\u03bcs': 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Nanoseconds of a duration in Go's notation (`1m30s`, `1.5h`, `0`); undefined if it is none, or too long to be exact. */
export function readDuration(text: string): number | undefined {
  const [, sign, rest = ''] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  if (rest === '0') return 0;
  if (!/^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/.test(rest)) return undefined;
  let total = 0;
  for (const [, whole = '', fraction = '', unit = ''] of rest.matchAll(
    /(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g,
  )) {
    const size = UNITS[unit] as number;
    total += Number(whole) * size + Math.trunc(Number(fraction) * (size / 10 ** fraction.length));
  }
  if (!Number.isSafeInteger(total)) return undefined;
  return sign === '-' ? -total : total;
}

/** A duration as Go prints it: `0s`, `1.5s`, `1m30s`, `1h0m0s`, `250ms`. */
export function durationText(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < 1e9) {
    const [unit, size] = nanoseconds < 1e3 ? ['ns', 1] : nanoseconds < 1e6 ? ['\u00b5s', 1e3] : ['ms', 1e6];
    return decimal(nanoseconds, size as number) + unit;
  }
  const minutes = Math.floor(nanoseconds / 60e9);
  const seconds = `${decimal(nanoseconds - minutes * 60e9, 1e9)}s`;
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`;
}

function decimal(value: number, size: number): string {
  const whole = Math.floor(value / size);
  const digits = String(size).length - 1;
  const fraction = String(value - whole * size)
    .padStart(digits, '0')
    .replace(/0+$/, '');
  return digits === 0 || fraction === '' ? String(whole) : `${whole}.${fraction}`;
}
