/** A distribution's or extra's name as indexes compare it (PEP 503): lower case, runs of `-`, `_` and `.` as one `-`. */
export function normaliseName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-');
}

/** True if it is a name after PEP 508. */
export function isName(text: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text);
}
