/** Where the files of a wheel go in an image; absolute paths without a trailing slash. Names as in Python's sysconfig. */
export interface InstallScheme {
  readonly purelib: string;
  readonly platlib: string;
  /** Headers of all distributions; a distribution's own are in a directory of its name below. */
  readonly headers: string;
  readonly scripts: string;
  /** The root for `*.data/data`. */
  readonly data: string;
}

/** A distribution that is already installed in an image. */
export interface InstalledDistribution {
  /** Normalised after PEP 503. */
  readonly name: string;
  readonly version: string;
  /** The `*.dist-info` or `*.egg-info`, absolute. */
  readonly metadata: string;
  /** True if it is a dist-info with a RECORD below the environment's own or the user's site-packages: what pip would uninstall. */
  readonly removable: boolean;
  /** True if it is in the user's site-packages: `pip install --user` takes the place of no other. */
  readonly user?: true;
}

/** What must be known of an image to install wheels into one of its Python environments. */
export interface PythonFacts {
  /** What shebangs name, absolute: `/usr/local/bin/python3.11`, or a virtual environment's `/opt/venv/bin/python`. */
  readonly executable: string;
  /** The full version, `3.11.2`. */
  readonly version: string;
  /** As in bytecode file names: `cpython-311`. */
  readonly cacheTag: string;
  readonly scheme: InstallScheme;
  /** `glibc` with `2.36`, or `musl` with `1.2`. */
  readonly libc: { readonly kind: 'glibc' | 'musl'; readonly version: string };
  /** As in OCI: `amd64`, `arm64`. */
  readonly architecture: string;
  /** What pip of this environment sees as installed, by name. */
  readonly installed: readonly InstalledDistribution[];
  /** The version of the environment's pip; undefined if it has none. */
  readonly pip: string | undefined;
  /** True if PEP 668 forbids installing (`EXTERNALLY-MANAGED`). */
  readonly externallyManaged: boolean;
  /** The virtual environment's directory; undefined for the interpreter's own. */
  readonly venv: string | undefined;
  /** PYTHONUSERBASE or `~/.local`, absolute: where `--user` goes; undefined if it is not known, and in a virtual environment. */
  readonly userBase?: string;
}
