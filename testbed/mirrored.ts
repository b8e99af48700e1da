/** The registries whose images the testbed has: its open registry is asked in their place. */
export const MIRRORED = ['docker.io', 'gcr.io', 'cgr.dev', 'ghcr.io'] as const;
