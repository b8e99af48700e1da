import { gunzipSync } from 'node:zlib';

/** What gcc -g -nostdlib -shared makes of `int answer(void) { return 42; }` in a directory as pip uses it. */
const COMPILED = [
  'H4sIAAAAAAACA+2bT2zbVBzHf89p0pRA6T9ES0H1xNAGq92kq0bbaWuntGsrbSWrmBASyHUSN7FInMpxunQXDjts4jSExIkLZ4S0Y49I',
  'XHbkzpWd90caF2DZs/2eYz/FTRESB/h9pPjr956/fu/9/PykyO99uX7tqkQIcBJwGbopgFWmhfPhvEUYosdxGPOuHYB4fpKiCiO+uL5k',
  'KC1qCqIa9nn1ySxf0DWIatjn3qswx/qzEtUHEFXuk/6mL810gP0WWb9FPQ1R5TEsPHLKx/VvAqLKfTeoLwUnh4d7h9V30v6RUL0T3ngB',
  '2Ni+CX9q7/712+ypO/bXh85XbxxUft28scLjR0Lx9/Pk4F6t9Llnx7XTvWbMHSnCuADdat4ybEAQBEEQBEEQBEFOxtEH9PAzxgFBEARB',
  'EARBEARB/suQ6cRF9zuu9133SaeTZfn8+zK5vQOkPUKmXx1M3yf+Z9i36e/h404nheFDEARBEARBEARB/qc8f9FpuLrL1nknWf4RS/P/',
  'zPdY+hWW5uvGM0wn/6X2buTzy/LZNaNo6pacm1fn1aySWzhXNoq5+VbufZYFs+Av5Q4aKi7HFih4XSfexWSQHt55ixf1cHp3JiR5rUc5',
  '+S4xkDQth56NkveGxzOJmemZUTI2OPImNaqwMpUYXs5czCxlzkxtjbsFq5O3pwASpyGTuZxJpIPWpEH1qiF/DL/mCluWTk9mpKAl9Px1',
  'acEtWfAe3xgMScEeguQESc6kiJSiJrb+fGP7ppzPfcjiJCt1p2UZlyqGZdhmiSZ1u1S91F68oFxYkJWKrHyUk5W9wlaeHvXmoVWq2g2r',
  '0WoqLeuWaZUVRy/WjCbMOfX9uX1zXzGtpqPXasoX5w+W2lldjy+Z09XSMc/Z3zfxtNOrrFd+0vOkg30AnGH+cORo/imIW6dPm6Wtfbp9',
  '5fpWHjSNxktb39Su7ly5vq5tru0E6/jV5mGd9p6qY/ta5WdWwzHUitVSiy2zVlbMMnipqt6sglo+tKjTV8cG1THaDqhGVduz9bqhVct2',
  'N+VdpdfNEqilRr1u0FGl0pHeqmi6rVsVGniWNK29RlBULNrGAU/VTMvg51593Wwv/U+Zpr/B4GWL3zfSfXZR3CH+e6fT4H4+D+0K/oQw',
  '73AW2RwkCfMU12yoXhLy8/lqld1bEuY9ruke4zLMJkT3isTtC4rzb7O84I2WozrRJ36fCf5JOaqzwvVif/ZYG3l8g/00bH/NA6HetNDN',
  'Bqs/Kw4MlnEmpv9c2z1i4vmy0ecXF7+7Mf5PmPHjPv5vYvw/MP9yH//3Mf5HJ6z/x5j4LeV8/bxP/I5i/N/muu/Hcf7I2AvxC/PfZ+lR',
  'NseK789QaOyE2Z339Wyf/o/G+O8x/8M+/pfCQPhSEDgAAA==',
].join('');

const DIRECTORY = 'pip-install-k3v9x0aa';

/** Where things are in the library. */
export const AT = {
  buildId: 0x248,
  text: 0x1000,

  comment: 0x3000,
  symbols: 0x31d0,
} as const;

/** A small library; compiled elsewhere, its debug information has another directory, and its build id is another. */
export function library(where: 'here' | 'elsewhere' = 'here'): Buffer {
  const bytes = gunzipSync(Buffer.from(COMPILED, 'base64'));
  if (where === 'here') return bytes;
  Buffer.from('a201d766f5de9a92505b56bd1419854a101ce3e5', 'hex').copy(bytes, AT.buildId);
  for (let at = bytes.indexOf(DIRECTORY); at >= 0; at = bytes.indexOf(DIRECTORY, at + 1))
    bytes.write('pip-install-z7c1m2bb', at);
  return bytes;
}
